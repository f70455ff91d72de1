import Inference
import Kernels
import MPI
import Reporting
import Transformer

/// What every rank has to say about a run, and the record that rank 0 makes of it.
struct RunStatistics {
  /// One rank's part.
  private struct Part: Codable {
    let host: String
    let bytesSent: Int
    let keyValueBytes: Int
    let peakResidentBytes: Int
    let peakPrivateBytes: Int
    let attentionFlops: Double
    let linearFlops: Double
    let attentionSeconds: Double
    let linearSeconds: Double
    let exposedSeconds: Double
  }

  private let parts: [Part]?
  private let restoredLayers: Int
  private let threads: Int
  private let clock: StageClock

  /// Gathers the ranks' parts; every rank calls this.
  ///
  /// - Parameter session: nil where nothing was computed.
  /// - Throws: `MPIError`.
  init(
    session: Session?, job: Job, threads: Int, clock: StageClock, memory: PrivateMemory
  ) throws {
    self.threads = threads
    self.clock = clock
    let stack = session?.stack
    restoredLayers = stack?.restoredLayers ?? 0
    parts = try job.gather(
      Part(
        host: MPIEnvironment.processorName, bytesSent: stack?.bytesSent ?? 0,
        keyValueBytes: stack.map { $0.cache.bytes + $0.branches.bytes } ?? 0,
        peakResidentBytes: HostResources.peakResidentBytes,
        peakPrivateBytes: memory.peakBytes,
        attentionFlops: stack?.prefillWork.flops ?? 0,
        linearFlops: stack?.prefillLinearFlops ?? 0,
        attentionSeconds: stack?.prefillSeconds.attention ?? 0,
        linearSeconds: stack?.prefillSeconds.linear ?? 0,
        exposedSeconds: stack?.prefillWork.exposedSeconds ?? 0))
  }

  /// The record, on rank 0, which has an outcome; nil on the others.
  func record(
    settings: GenerateSettings, seed: UInt64, model: ModelOutline,
    instructionSet: InstructionSet, contextTokens: Int, outcome: RunOutcome?
  ) -> RunRecord? {
    guard let parts, let outcome else { return nil }
    let flops = RunRecord.Arithmetic(
      attention: parts.reduce(0) { $0 + $1.attentionFlops },
      linear: parts.reduce(0) { $0 + $1.linearFlops })
    let largest = parts.map(\.attentionFlops).max() ?? 0
    var hosts: [String] = []
    for part in parts where !hosts.contains(part.host) { hosts.append(part.host) }
    return RunRecord(
      hosts: hosts, ranks: parts.count, threads: threads,
      instructionSet: instructionSet.rawValue, partition: settings.partition.rawValue,
      precision: settings.precision.rawValue, model: model.name,
      randomWeights: settings.randomWeights,
      layers: model.configuration.layers.count, restoredLayers: restoredLayers, seed: seed,
      text: outcome.text, tokenIDs: outcome.tokenIDs, finishReason: outcome.finishReason,
      questions: outcome.questions,
      tokens: .init(
        context: contextTokens, prompt: outcome.promptTokens,
        generated: outcome.generatedTokens),
      seconds: .init(
        load: clock.load, tokenize: clock.tokenize, restore: clock.restore,
        prefill: clock.prefill, save: clock.save, prompt: clock.prompt, decode: clock.decode,
        exposedExchange: parts.map(\.exposedSeconds).max() ?? 0),
      flops: flops,
      gflops: flops.gflops(
        attentionSeconds: parts.map(\.attentionSeconds).max() ?? 0,
        linearSeconds: parts.map(\.linearSeconds).max() ?? 0),
      balance: largest > 0 ? flops.attention / Double(parts.count) / largest : 1,
      bytesSent: parts.map(\.bytesSent), keyValueBytes: parts.map(\.keyValueBytes),
      peakResidentBytes: parts.map(\.peakResidentBytes),
      peakPrivateBytes: parts.map(\.peakPrivateBytes), logitsDigest: outcome.logitsDigest)
  }
}

extension FinishReason {
  init(_ end: Generation.End) {
    switch end {
    case .endOfSequence: self = .endOfSequence
    case .stop: self = .stop
    case .length: self = .length
    }
  }
}
