import Inference
import Kernels
import Logging
import MPI
import Ranks
import Reporting
import Transformer

/// `generate`: from the options to the answer. What can fail by a user's mistake fails before the
/// prefill, on all ranks alike.
struct GenerateJob {
  let job: Job
  let settings: GenerateSettings
  let timeline: Timeline
  let display: ProgressDisplay
  let logger: Logger
  let warnings: WarningLog
  let clock = StageClock()
  let memory = PrivateMemory()

  static func run(_ flags: GenerateOptions, _ job: Job) throws {
    let settings = try job.onRoot {
      // A configuration may come from a pipe, or be long.
      try job.onAnotherThread { try GenerateSettings.resolve(flags) }
    }
    job.setWatchTimeout(seconds: settings.stallTimeout)
    try GenerateJob(settings, job).run()
  }

  /// A collective.
  init(_ settings: GenerateSettings, _ job: Job) throws {
    self.job = job
    self.settings = settings
    try job.communicator.barrier()
    timeline = Timeline(
      isEnabled: settings.trace != nil, rank: job.rank, host: MPIEnvironment.processorName,
      lanes: ["stages", "messages"])
    display = ProgressDisplay(
      style: settings.quiet || !job.isRoot ? .silent : .standardError)
    logger = .rank(job.rank, level: settings.logLevel)
    warnings = WarningLog(job.isRoot ? logger : nil)
  }

  private func run() throws {
    // Outputs first: hours of work are not lost to a missing directory.
    let outputs = try openOutputs()
    let interruption = try listenForSignals()
    let arithmetic = try agreedArithmetic()
    try openCache()
    let folder = try openContextFolder(arithmetic)
    defer { folder?.release() }
    let files = try readQuestionFiles()

    clock.skip()
    let outlined = try readModel()
    let agreement = ModelAgreement(
      on: outlined.outline, version: Version.string, job: job, team: arithmetic.team)
    try agreement.check()
    let identity = try dependsOnModelIdentity ? agreement.identity() : ""
    clock.end(\.load)
    // Before the context's ids are read, which make no sense to another model.
    let restored = try describeRestored(folder, agreement, arithmetic)
    let input = try readInput(outlined, files)
    clock.end(\.tokenize)

    let suggestions = try suggestions(of: outlined.outline)
    var run = RunDescription(
      model: outlined.outline, modelIdentity: identity, arithmetic: arithmetic,
      contextTokens: input.context.count, base: folder?.sequenceBase)
    // What questions have of their own is read as long as they are answered.
    defer { withExtendedLifetime(input) {} }
    let questionnaire = try questionnaire(files, input, run, suggestions, outputs)
    let asked = try job.communicator.broadcast(value: questionnaire?.extent ?? .init(), from: 0)
    guard asked.questions > 0 else {
      sayThatAllIsAnswered(files)
      return try writeRecord(of: run, nil, questionnaire, to: outputs)
    }
    let ownContexts = try ownContexts(
      of: questionnaire, input, agreement, arithmetic,
      rotationTokens: folder?.sequenceBase?.rotationTokens ?? input.context.count)
    let request = ContextRequest(
      agreement: agreement, arithmetic: arithmetic, input: input, asked: asked,
      isInterruptible: interruption != nil)
    let ready = try restoredContext(for: request) { refusals in
      try place(of: request, folder, restored, &refusals)
    }
    defer { ready.folder?.release() }
    let session = ready.session
    run.dividesWeights = ready.dividesWeights
    run.cachedTokens = ready.cachedTokens
    try prefillContext(ready, tokens: input.context, interruption)
    try writeContextLogits(of: session, to: outputs)
    let sources = sourceFinder(input, tokenizer: outlined.tokenizer)
    clock.skip()
    try answer(
      questionnaire, of: ready, ownContexts, tokenizer: outlined.tokenizer, sources: sources,
      interruption)
    clock.end(\.decode)
    try writeRecord(of: run, session, questionnaire, sources: sources, to: outputs)
  }
}

extension Logger {
  /// Diagnostics on standard error, marked with the rank.
  fileprivate static func rank(_ rank: Int, level: Logger.Level) -> Logger {
    var logger = Logger(label: "ringflash.\(rank)") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = level
    return logger
  }
}
