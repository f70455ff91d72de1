import Inference
import Kernels
import MPI
import Ranks
import Reporting
import Transformer

/// What runs, as the record of a run says it.
struct RunDescription {
  let model: ModelOutline
  /// See `ModelAgreement.identity()`; empty where nothing depends on it.
  let modelIdentity: String
  let arithmetic: Arithmetic
  let contextTokens: Int
  /// What the context extends, where the settings say so.
  var base: SequenceBase?
  /// Whether each host held only its part of the weights.
  var dividesWeights = false
  /// Tokens of the context that a cache had.
  var cachedTokens = 0
}

extension RunDescription {
  /// The length that the context is rotated for, where that is another one than its own, and shows.
  var rotationTokens: Int? {
    base.flatMap {
      model.configuration.rotates(contextTokens, as: $0.rotationTokens) ? nil : $0.rotationTokens
    }
  }
}

extension GenerateJob {
  /// Writes the record of the run, and all other files to their end. Every rank calls this.
  ///
  /// - Parameters:
  ///   - session: nil where nothing was computed.
  ///   - questionnaire: on rank 0, all of it answered; `outputs` the same.
  /// - Throws: `AgreedFailure` (74), `MPIError`.
  func writeRecord(
    of run: RunDescription, _ session: Session?, _ questionnaire: Questionnaire?,
    sources: SourceFinder? = nil, to outputs: OutputFiles?
  ) throws {
    memory.sample()
    let ranks = try job.gather(RankReport(session, memory))
    let traces = try job.communicator.gather(array: [UInt8](timeline.encodedEvents()), to: 0)
    try job.onEveryRank {
      guard let ranks, let questionnaire else { return }
      let answer = questionnaire.receiver.outcome(contextTokens: run.contextTokens)
      let record = record(run, ranks, answer, session)
      if settings.json { try StandardOutput.write([UInt8](record.json())) }
      try outputs?.finish(
        record: record, traces: traces ?? [],
        page: sources?.page(title: "Sources: \(run.model.name)", answer: answer.text))
      if sources != nil, settings.questions == nil, !settings.quiet {
        StandardError.write(answer.sources.list())
      }
      if session != nil, !settings.quiet { StandardError.write(record.summary()) }
    }
  }

  private func record(
    _ run: RunDescription, _ ranks: [RankReport], _ answer: RunRecord.Answer, _ session: Session?
  ) -> RunRecord {
    var seconds = clock.seconds
    seconds.exposedExchange = ranks.map(\.exposedSeconds).max() ?? 0
    seconds.exposedWeights = ranks.map(\.exposedWeightSeconds).max() ?? 0
    return RunRecord(
      job: .init(run, settings, ranks),
      model: .init(run, settings, session?.context),
      answer: answer, seconds: seconds, work: .init(of: ranks), perRank: .init(ranks),
      warnings: warnings.texts)
  }
}

extension RunRecord.Job {
  init(_ run: RunDescription, _ settings: GenerateSettings, _ ranks: [RankReport]) {
    var hosts: [String] = []
    for rank in ranks where !hosts.contains(rank.host) { hosts.append(rank.host) }
    self.init(
      hosts: hosts, ranks: ranks.count, threads: run.arithmetic.team.threads,
      instructionSet: run.arithmetic.instructionSet.rawValue,
      partition: settings.partition.rawValue,
      types: (
        settings.numerics.precision.rawValue, settings.numerics.quantizedProducts.rawValue,
        settings.numerics.keyValueFormat.rawValue
      ), dividesWeights: run.dividesWeights)
  }
}

extension RunRecord.Model {
  /// - Parameter context: nil where none was prefilled.
  init(_ run: RunDescription, _ settings: GenerateSettings, _ context: DecoderContext? = nil) {
    self.init(
      name: run.model.name, digest: run.modelIdentity, randomWeights: settings.randomWeights,
      layers: run.model.configuration.layers.count,
      restored: (context?.restoredLayers ?? 0, context?.baseTokens ?? 0),
      cachedTokens: run.cachedTokens)
  }
}
