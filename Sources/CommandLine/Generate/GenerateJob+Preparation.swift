import Foundation
import Inference
import Kernels
import MPI
import Ranks
import Reporting
import Tokenizers
import Transformer

// What is read and checked before the work. Every rank calls these, and what fails on one ends all
// alike: they throw `AgreedFailure`, and `MPIError`.

extension GenerateJob {
  /// - Throws: 74 if a file of the outputs cannot be written.
  func openOutputs() throws -> OutputFiles? {
    try job.onEveryRank { try job.isRoot ? OutputFiles(settings) : nil }
  }

  /// A signal that asks the job to end, where what was done can be kept: in a saved context, or in a
  /// file of answers. Else, and while nothing is done that could be kept, such a signal ends the job.
  func listenForSignals() throws -> Interruption? {
    if let answers = settings.questions?.answers {
      job.adviceOnInterruption = "the answers in '\(answers)' stay, start the job again"
    } else if case .saved(let path) = settings.context {
      job.adviceOnInterruption = "what is saved in '\(path)' is as it was, start the job again"
    } else if let cache = settings.cache {
      job.adviceOnInterruption =
        "what is saved in the cache '\(cache.path)' is as it was, start the job again"
    }
    guard
      settings.contextFolder != nil || settings.cache != nil || settings.questions?.answers != nil
    else { return nil }
    return try job.listenForInterruption()
  }

  /// Does what a signal interrupts in order.
  ///
  /// - Parameter body: returns whether it was finished, or else what was done is kept.
  func interruptibly(_ interruption: Interruption?, _ body: () throws -> Bool) rethrows -> Bool {
    if interruption != nil { CaughtSignal.keep(true) }
    let isFinished = try body()
    // On its way out the job is not interrupted again.
    if isFinished, interruption != nil { CaughtSignal.keep(false) }
    return isFinished
  }

  /// The files of `--prompts`, on rank 0; nil where there is but a prompt.
  func readQuestionFiles() throws -> QuestionFiles? {
    try job.onEveryRank {
      guard let questions = settings.questions, job.isRoot else { return nil }
      // Standard input may be slow.
      return try job.onAnotherThread { [settings] in
        let files = try QuestionFiles(questions)
        try settings.checkFiles(configuration: nil, questions: files.prompts)
        return files
      }
    }
  }

  func agreedArithmetic() throws -> Arithmetic {
    let arithmetic = try job.arithmetic(
      settings.numerics, threads: settings.threads, HostResources(job.host))
    logger.info(
      """
      \(arithmetic.instructionSet.rawValue), \(arithmetic.team.threads) threads, \
      \(job.communicator.waitPolicy.rawValue)
      """)
    return arithmetic
  }

  /// The model without its weights.
  func readModel() throws -> OutlinedModel {
    let model = try timeline.stage("load") {
      try job.onEveryRank {
        try OutlinedModel(
          settings.model, precision: settings.numerics.precision, tokenizerPath: settings.tokenizer,
          strict: settings.strict,
          weights: { _ in settings.randomWeights ? .random : .files })
      }
    }
    model.outline.warnings.forEach(warnings.add)
    return model
  }

  /// Whether the record or the answers of this run are read by somebody who knows the model again by
  /// it. It takes reading all weights.
  var dependsOnModelIdentity: Bool {
    settings.json || settings.report != nil || settings.questions?.answers != nil
  }

  /// Reads and tokenizes on rank 0, then broadcasts the context.
  func readInput(_ model: OutlinedModel, _ files: QuestionFiles?) throws -> TokenizedInput {
    try timeline.stage("tokenize") {
      var input = try job.onEveryRank {
        guard job.isRoot else { return TokenizedInput() }
        return try job.onAnotherThread { [settings, display] in
          try TokenizedInput(InputTexts(settings, files?.prompts), model, display: display)
        }
      }
      input.warnings.forEach(warnings.add)
      input.context = try job.communicator.broadcast(array: input.context, from: 0)
      return input
    }
  }

  /// What the model's makers suggest; says what of it is not followed.
  func suggestions(of model: ModelOutline) throws -> GenerationChoices {
    let suggestions = try job.onRoot { try GenerationChoices(suggestedBy: model) }
    for setting in model.suggestions.notApplied {
      warnings.add("\(model.name)/generation_config.json sets \(setting), which is not applied")
    }
    return suggestions
  }

  /// What is asked of the context, on rank 0.
  func questionnaire(
    _ files: QuestionFiles?, _ input: TokenizedInput, _ run: RunDescription,
    _ suggestions: GenerationChoices, _ outputs: OutputFiles?
  ) throws -> Questionnaire? {
    try job.onEveryRank {
      guard job.isRoot else { return nil }
      // Many questions with many stop texts take long to prepare.
      return try job.onAnotherThread { [settings] in
        guard let files else {
          return try Questionnaire(
            prompt: input.prompts[0], settings, suggestions: suggestions, logits: outputs?.logits)
        }
        return try Questionnaire(files, input, settings, run, suggestions: suggestions)
      }
    }
  }

  func sayThatAllIsAnswered(_ files: QuestionFiles?) {
    guard let files, !settings.quiet else { return }
    StandardError.write(
      "every question of \(files.prompts.name) is answered in \(files.answersName)\n")
  }

  func sequence(
    contextTokens: Int, base: SequenceBase?, _ asked: Questionnaire.Extent
  ) -> SequenceDescription {
    SequenceDescription(
      partition: settings.partition, contextTokens: contextTokens, base: base,
      maximumAppended: asked.longest, longestPrompt: asked.longestPrompt,
      longestOwnContext: asked.longestOwnContext,
      branches: min(settings.questions?.batch ?? 1, asked.questions),
      tracesAttention: settings.sources != nil)
  }

  /// Finds where answers come from, on rank 0; nil where nobody asks.
  func sourceFinder(_ input: TokenizedInput, tokenizer: Tokenizer?) -> SourceFinder? {
    guard job.isRoot, let sources = settings.sources else { return nil }
    let text = ContextText(
      input.context, tokenizer, text: input.text?.whole, file: input.text?.file)
    return SourceFinder(sources, text, contextTokens: input.context.count)
  }

  func checkPositions(_ model: ModelOutline, _ sequence: SequenceDescription) throws {
    let needed = sequence.contextTokens + sequence.maximumAppended
    if let warning = model.warning(sequenceTokens: needed) { warnings.add(warning) }
    let base = sequence.rotationTokens
    let whole = sequence.contextTokens + sequence.longestOwnContext
    if !model.configuration.rotates(whole, as: base) {
      let first = sequence.longestOwnContext > 0 ? "common" : "saved"
      warnings.add(
        """
        the model '\(model.name)' rotates by the length of its context, and what goes on behind the \
        \(first) one is rotated as for its \(base) tokens: the result is not that of one run over all \
        \(whole)
        """)
    }
    let limit = model.configuration.sequence.maximumPositions
    guard needed > limit, !settings.ignorePositionLimit else { return }
    let what =
      sequence.maximumAppended == 0
      ? "the context has \(needed)" : "context, prompt and answer have up to \(needed)"
    throw AgreedFailure(
      failure: Failure(
        .badData,
        """
        \(what) tokens, the model '\(model.name)' was made for \(limit); give fewer, or let them \
        through with --ignore-position-limit
        """))
  }

  /// Decides which weights each host will hold, and whether what the run needs has room.
  ///
  /// - Parameter more: bytes that this rank will need besides.
  func placeWeights(
    of model: ModelOutline, _ arithmetic: Arithmetic, _ sequence: SequenceDescription,
    isInterruptible: Bool, givesContextLogits: Bool, more: Int = 0
  ) throws -> WeightPlacement {
    let requirement = MemoryRequirement(
      configuration: model.configuration, arithmetic: arithmetic, sequence: sequence,
      ranks: job.communicator.size, rank: job.rank, isInterruptible: isInterruptible,
      givesContextLogits: givesContextLogits)
    let weights = try WeightPlacement(
      of: model, settings.divideWeights, besides: requirement.bytes + more, job: job,
      threads: arithmetic.team.threads, givesContextLogits: givesContextLogits)
    try job.checkMemory(
      requirement.bytes + more + weights.rankBytes, shared: weights.hostBytes,
      for: weights.isDivided
        ? "KV blocks, activations, its part of the weights and two layers of all"
        : weights.hostBytes > 0
          ? "KV blocks, activations and weights that are made or converted"
          : "KV blocks and activations",
      remedy: sequence.branches > 1
        ? "use more hosts, a smaller --batch, fewer --max-tokens, or --kv-cache q8"
        : "use more hosts, a shorter context, or --kv-cache q8")
    return weights
  }

  func loadWeights(_ weights: WeightPlacement, team: ThreadTeam) throws -> Model {
    try timeline.stage("load") {
      let model = try job.onEveryRank { try weights.load(host: job.host, team: team) }
      try warnOfSlowLink(model)
      return model
    }
  }

  /// Of hours that nothing can hide.
  private func warnOfSlowLink(_ model: Model) throws {
    let seconds = try model.weights.secondsToPass(job.communicator)
    guard seconds > 3600 else { return }
    warnings.add(
      """
      the weights take \(String(format: "%.1f", seconds / 3600)) hours to pass from host to host in \
      the prefill, by the speed of the links as measured; use fewer hosts, faster links, or a \
      quantized model
      """)
  }

  /// A session whose stages the timeline shows.
  func session(
    _ model: Model, _ sequence: SequenceDescription, _ arithmetic: Arithmetic
  ) -> Session {
    let session = WorkLocation.within(stage: "load") {
      Session(model: model, sequence, communicator: job.communicator, arithmetic: arithmetic)
    }
    if timeline.isEnabled {
      session.context.onSpan = { [timeline] name, start, end in
        timeline.record(
          name, category: "prefill", lane: "\(name)" == "message" ? 1 : 0, from: start, to: end)
      }
    }
    return session
  }
}
