import Foundation
import Inference
import Kernels
import MPI
import Ranks
import Reporting
import Transformer

/// `perplexity`: prefills a text as `generate` does, and scores the prediction of each of its tokens.
/// Every rank makes the same calls; what fails on one ends all alike.
struct PerplexityJob {
  private let command: PerplexityCommand
  /// What prefills the context.
  private let prefilling: GenerateJob
  private var job: Job { prefilling.job }

  /// - Throws: `AgreedFailure`, `MPIError`.
  static func run(_ command: PerplexityCommand, _ job: Job) throws {
    let settings = try job.onRoot { try command.settings() }
    try PerplexityJob(command: command, prefilling: GenerateJob(settings, job)).run()
  }

  private func run() throws {
    let (settings, clock) = (prefilling.settings, prefilling.clock)
    let file = try job.onEveryRank {
      try job.isRoot ? settings.report.map { try ReportFile(path: $0) } : nil
    }
    let reference = try job.onEveryRank { try command.against.map(ReferenceLogits.init) }
    let arithmetic = try prefilling.agreedArithmetic()

    clock.skip()
    let outlined = try prefilling.readModel()
    let agreement = ModelAgreement(
      on: outlined.outline, version: Version.string, job: job, team: arithmetic.team)
    try agreement.check()
    let identity = try prefilling.dependsOnModelIdentity ? agreement.identity() : ""
    clock.end(\.load)
    let tokens = try prefilling.readInput(outlined, nil).context
    clock.end(\.tokenize)

    try checkCount(of: tokens)
    let sequence = SequenceDescription(
      partition: settings.partition, contextTokens: tokens.count, maximumAppended: 0)
    try prefilling.checkPositions(outlined.outline, sequence)
    let vocabulary = outlined.outline.configuration.vocabulary.size
    try job.onEveryRank {
      try reference?.check(
        contextTokens: tokens.count, modelName: outlined.outline.name, vocabulary: vocabulary)
    }
    let weights = try prefilling.placeWeights(
      of: outlined.outline, arithmetic, sequence, isInterruptible: false, givesContextLogits: true,
      more: ContextScorer.bytes(
        vocabulary: vocabulary, threads: arithmetic.team.threads, hasReference: reference != nil,
        tokens: tokens.count, isRoot: job.isRoot))
    clock.skip()
    let model = try prefilling.loadWeights(weights, team: arithmetic.team)
    clock.end(\.load)

    let session = prefilling.session(model, sequence, arithmetic)
    let scorer = ContextScorer(session, tokens, skipped: command.skip, reference: reference)
    try checkValues(of: reference, scorer, arithmetic.team)
    clock.skip()
    _ = try prefilling.prefill(session, tokens, logitsOf: .all)
    prefilling.display.end()
    prefilling.clock.end(\.prefill)
    let start = ContinuousClock.now
    let scores = try score(scorer)
    let scoringSeconds = (ContinuousClock.now - start).seconds
    let run = RunDescription(
      model: outlined.outline, modelIdentity: identity, arithmetic: arithmetic,
      contextTokens: tokens.count, dividesWeights: weights.isDivided)
    try write(scores, of: run, session, scoringSeconds: scoringSeconds, to: file)
  }

  /// - Throws: 65 for a text of which nothing can be predicted, 64 where none of it counts.
  private func checkCount(of tokens: [Int32]) throws {
    guard tokens.count >= 2 else {
      throw AgreedFailure(
        failure: Failure(
          .badData,
          """
          the text has 1 token, and the first has none before it to be predicted from; give a text \
          of 2 tokens or more
          """))
    }
    let predictions = tokens.count - 1
    guard command.skip < predictions else {
      throw AgreedFailure(
        failure: Failure(
          .usage,
          """
          --skip \(command.skip) leaves none of the text's \(predictions) \
          prediction\(predictions == 1 ? "" : "s"); give less than \(predictions)
          """))
    }
  }

  /// Each rank looks at those of the reference's logits that it will read.
  ///
  /// - Throws: 65 if one is not finite.
  private func checkValues(
    of reference: ReferenceLogits?, _ scorer: ContextScorer, _ team: ThreadTeam
  ) throws {
    guard let reference else { return }
    let wrong = WorkLocation.within(stage: "reading of the reference") {
      reference.firstNonFinite(
        in: scorer.ownPositions, team: team, tick: job.communicator.tick)
    }
    let none = Int.max
    let first = try job.communicator.allReduce(value: wrong ?? none, .minimum)
    guard first != none else { return }
    throw AgreedFailure(
      failure: Failure(
        .badData,
        """
        \(reference.path): the logits of position \(first) are not all finite; write the file again \
        from a model that computes numbers
        """))
  }

  /// - Returns: all scores in the order of the text, on rank 0.
  private func score(_ scorer: ContextScorer) throws -> [PredictionScore]? {
    let display = prefilling.display
    let scores = try WorkLocation.within(stage: "scoring") {
      let own = scorer.ownPositions
      display.begin(
        "score", unit: "block", total: own.count, tokens: own.reduce(0) { $0 + $1.count })
      var done = 0
      return try scorer.scores {
        done += 1
        display.update(completed: Double(done))
      }
    }
    display.end()
    return scores
  }

  private func write(
    _ scores: [PredictionScore]?, of run: RunDescription, _ session: Session,
    scoringSeconds: Double, to file: ReportFile?
  ) throws {
    prefilling.memory.sample()
    let ranks = try job.gather(RankReport(session, prefilling.memory))
    try job.onEveryRank {
      guard let scores, let ranks else { return }
      if let index = scores.firstIndex(where: { !$0.isFinite }) {
        throw Failure(
          .badData,
          """
          the prediction of token \(command.skip + index + 1) is no finite number: the model \
          '\(run.model.name)' gives logits that are none; check its weights, or try --precision fp32
          """)
      }
      let report = PerplexityReport(
        PerplexityFigures(scores), run, ranks, prefilling, command,
        scoringSeconds: scoringSeconds)
      try file?.write(Data(report.json().utf8))
      try report.write(asJSON: prefilling.settings.json)
    }
  }
}
