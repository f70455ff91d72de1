import Foundation
import Inference
import Kernels
import Logging
import MPI
import ModelFiles
import Reporting
import RingAttention
import Tokenizers
import Transformer

/// `generate`: from the options to the answer. What can fail by a user's mistake fails before the
/// prefill, on all ranks alike.
struct GenerateJob {
  let job: Job
  let settings: GenerateSettings
  private let timeline: Timeline
  let display: ProgressDisplay

  static func run(_ flags: GenerateOptions, _ job: Job) throws {
    let settings = try job.onRoot {
      var settings = try GenerateSettings.resolve(flags)
      settings.model = try ModelLocation.path(of: settings.model)
      return settings
    }
    job.heartbeat?.timeout = .seconds(settings.stallTimeout)
    try GenerateJob(settings, job).run()
  }

  private init(_ settings: GenerateSettings, _ job: Job) throws {
    self.job = job
    self.settings = settings
    try job.communicator.barrier()
    timeline = Timeline(
      isEnabled: settings.trace != nil, rank: job.rank, host: MPIEnvironment.processorName,
      lanes: ["stages", "messages"])
    display = ProgressDisplay(
      style: settings.quiet || !job.isRoot ? .silent : .standardError)
  }

  private func run() throws {
    // Outputs first: hours of work are not lost to a missing directory.
    let outputs = try job.onEveryRank { try job.isRoot ? OutputFiles(settings) : nil }
    let preparation = try ContextPreparation(job, settings, timeline, display)
    let questionnaire = try readQuestionnaire()
    let logger = Logger.rank(job.rank, level: settings.logLevel)
    let arithmetic = try job.arithmetic(
      precision: settings.precision, threads: settings.threads, HostResources(job.host))
    let (instructionSet, threads) = (arithmetic.instructionSet, arithmetic.team.threads)
    logger.info(
      "\(instructionSet.rawValue), \(threads) threads, \(job.communicator.waitPolicy.rawValue)")

    var clock = StageClock()
    let loaded = try measured("load") {
      try job.onEveryRank {
        try LoadedModel(
          settings.model, precision: settings.precision,
          weights: { _ in settings.randomWeights ? .random : .files })
      }
    }
    let outline = loaded.outline
    try job.checkModel(loaded, team: arithmetic.team)
    clock.load = clock.lap()
    try preparation.describe(loaded, arithmetic)
    let input = try measured("tokenize") { try readInput(loaded, questionnaire) }
    clock.tokenize = clock.lap()
    let parameters = try job.onRoot {
      GenerationParameters(
        flags: settings.generation, model: try GenerationChoices(suggestedBy: outline))
    }
    if job.isRoot {
      for setting in outline.suggestions.notApplied {
        logger.warning(
          "\(outline.name)/generation_config.json sets \(setting), which is not applied")
      }
    }
    let questions = try pendingQuestions(questionnaire, outline, input)
    let maximumAppended = questions?.longest ?? input.prompt.count + parameters.maxTokens
    let batch = min(settings.questions?.batch ?? 1, max(1, questions?.count ?? 1))
    func finish(_ session: Session?, _ outcome: RunOutcome?, _ memory: PrivateMemory) throws {
      let record = try RunStatistics(
        session: session, job: job, threads: threads, clock: clock, memory: memory
      ).record(
        settings: settings, seed: parameters.seed, model: outline, instructionSet: instructionSet,
        contextTokens: input.context.count, outcome: outcome)
      try write(record, to: outputs, showsSummary: session != nil && !settings.quiet)
    }
    if questions?.isEmpty == true {
      sayThatAllIsAnswered(questionnaire)
      return try finish(nil, questionnaire.map { AnswerCollector($0).outcome }, PrivateMemory())
    }
    try checkPositions(outline, context: input.context.count, appended: maximumAppended)
    try checkMemory(
      outline, arithmetic, contextTokens: input.context.count, maximumAppended: maximumAppended,
      batch: batch, isInterruptible: preparation.isInterruptible)
    try preparation.describe(loaded, arithmetic, input)
    _ = clock.lap()
    let model = try measured("load") {
      try job.onEveryRank { try outline.load(host: job.host, team: arithmetic.team) }
    }
    clock.load += clock.lap()

    let session = Session(
      model: model, communicator: job.communicator, arithmetic: arithmetic,
      partition: settings.partition, contextTokens: input.context.count,
      maximumAppended: maximumAppended, batch: batch)
    if timeline.isEnabled {
      session.stack.onSpan = { [timeline] name, start, end in
        timeline.record(
          name, category: "prefill", lane: "\(name)" == "message" ? 1 : 0, from: start, to: end)
      }
    }
    let memory = PrivateMemory()
    try preparation.run(session, input.context, memory, &clock)
    try outputs?.logits?.begin(vocabulary: model.configuration.vocabularySize)
    if settings.logitsAll { try writeContextLogits(session, outputs) }
    _ = clock.lap()

    let outcome: RunOutcome?
    if let questions {
      outcome = try answer(
        questions, session, questionnaire, preparation, tokenizer: loaded.tokenizer)
    } else {
      var answer = Answer(
        tokenizer: loaded.tokenizer, stopTexts: parameters.stopTexts, streams: !settings.json)
      var digest = LogitsDigest()
      let generation = try decode(
        session, input.prompt, parameters, preparation, clock: &clock, answer: &answer,
        digest: &digest, outputs: outputs)
      outcome = generation.map {
        RunOutcome($0, answer: answer, digest: digest, promptTokens: input.prompt.count)
      }
    }
    clock.decode = clock.lap()
    memory.sample()
    try finish(session, outcome, memory)
  }

  private func write(
    _ record: RunRecord?, to outputs: OutputFiles?, showsSummary: Bool
  ) throws {
    let traces = try job.communicator.gather(array: [UInt8](timeline.encodedEvents()), to: 0)
    try job.onEveryRank {
      guard let record else { return }
      if settings.json { try StandardOutput.write([UInt8](record.json())) }
      try outputs?.finish(record: record, traces: traces ?? [])
      if showsSummary { StandardError.write(record.summary()) }
    }
  }

  // MARK: - Before the work

  /// Reads and tokenizes on rank 0, then broadcasts the ids.
  private func readInput(
    _ model: LoadedModel, _ questionnaire: Questionnaire?
  ) throws -> Input {
    let read = try job.onEveryRank {
      guard job.isRoot else { return Input(context: [], prompt: []) }
      return try job.whileTicking { [settings, display] in
        try questionnaire?.read(settings, model, display: display)
          ?? Input(settings, model, display: display)
      }
    }
    return Input(
      context: try job.communicator.broadcast(array: read.context, from: 0),
      prompt: try job.communicator.broadcast(array: read.prompt, from: 0), chat: read.chat)
  }

  private func checkPositions(_ model: ModelOutline, context: Int, appended: Int) throws {
    let needed = context + appended
    let limit = model.configuration.maximumPositions
    guard needed > limit, !settings.ignorePositionLimit else { return }
    throw AgreedFailure(
      failure: Failure(
        .badData,
        """
        context, prompt and answer have up to \(needed) tokens, the model '\(model.name)' was made for \
        \(limit); shorten them, or let them through with --ignore-position-limit
        """))
  }

  private func checkMemory(
    _ model: ModelOutline, _ arithmetic: Arithmetic, contextTokens: Int, maximumAppended: Int,
    batch: Int, isInterruptible: Bool
  ) throws {
    let requirement = MemoryRequirement(
      configuration: model.configuration, arithmetic: arithmetic, partition: settings.partition,
      ranks: job.communicator.size, rank: job.rank, contextTokens: contextTokens,
      maximumAppended: maximumAppended, branches: batch, isInterruptible: isInterruptible)
    try job.checkMemory(
      requirement.bytes + model.weights.vectorBytes, shared: model.weights.sharedBytes,
      for: model.weights.sharedBytes > 0
        ? "KV blocks, activations and weights that are made or converted"
        : "KV blocks and activations",
      remedy: batch > 1
        ? "use more hosts, a smaller --batch, fewer --max-tokens, or --precision bf16"
        : "use more hosts, a shorter context, or --precision bf16")
  }

  // MARK: - The work

  private func writeContextLogits(_ session: Session, _ outputs: OutputFiles?) throws {
    try session.stack.forEachContextLogits { rows in try outputs?.logits?.append(rows) }
  }

  /// Appends the prompt and generates the answer, which rank 0 has.
  private func decode(
    _ session: Session, _ prompt: [Int32], _ parameters: GenerationParameters,
    _ preparation: ContextPreparation, clock: inout StageClock, answer: inout Answer,
    digest: inout LogitsDigest, outputs: OutputFiles?
  ) throws -> Generation? {
    // With all of the context's logits written, the last one is there already unless a prompt
    // followed.
    var isWritten = settings.logitsAll && prompt.isEmpty
    var isFirst = true
    var generation: Generation?
    let question = Question(
      prompt: prompt, maximumTokens: parameters.maxTokens,
      sampling: SamplingParameters(
        temperature: parameters.temperature, topK: parameters.topK, topP: parameters.topP,
        seed: parameters.seed))
    let isAnswered = try job.listening {
      try measured("decode") {
        try session.answer([question]) { _, logits in
          if isFirst { clock.prompt = clock.lap() }
          isFirst = false
          digest.update(row: logits)
          if !isWritten { try outputs?.logits?.append(logits) }
          isWritten = false
        } onToken: { _, token in
          try answer.append(token)
        } onEnd: { _, whole in
          generation = whole
        } shouldStop: {
          preparation.isInterrupted()
        }
      }
    }
    if !isAnswered { throw try preparation.interruptedAnswer() }
    try job.onEveryRank { if job.isRoot { try answer.finish() } }
    return generation
  }

  func measured<Result>(
    _ name: StaticString, _ body: () throws -> Result
  ) rethrows -> Result {
    try timeline.measured(name, on: job, body)
  }
}

extension Logger {
  /// Diagnostics on standard error, marked with the rank.
  static func rank(_ rank: Int, level: Logger.Level) -> Logger {
    var logger = Logger(label: "ringflash.\(rank)") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = level
    return logger
  }
}
