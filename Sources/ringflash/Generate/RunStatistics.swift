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
  /// - Throws: `MPIError`.
  init(
    session: Session, job: Job, threads: Int, clock: StageClock, memory: PrivateMemory
  ) throws {
    self.threads = threads
    self.clock = clock
    let stack = session.stack
    restoredLayers = stack.restoredLayers
    parts = try job.gather(
      Part(
        host: MPIEnvironment.processorName, bytesSent: stack.bytesSent,
        keyValueBytes: stack.cache.bytes + stack.branches.bytes,
        peakResidentBytes: HostResources.peakResidentBytes,
        peakPrivateBytes: memory.peakBytes,
        attentionFlops: stack.prefillWork.flops, linearFlops: stack.prefillLinearFlops,
        attentionSeconds: stack.prefillSeconds.attention,
        linearSeconds: stack.prefillSeconds.linear,
        exposedSeconds: stack.prefillWork.exposedSeconds))
  }

  /// The record, on rank 0; nil on the others.
  func record(
    settings: GenerateSettings, parameters: GenerationParameters, model: Model,
    instructionSet: InstructionSet, input: Input, generation: Generation?, answer: Answer,
    digest: LogitsDigest
  ) -> RunRecord? {
    guard let parts, let generation else { return nil }
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
      layers: model.configuration.layers.count, restoredLayers: restoredLayers,
      seed: parameters.seed, text: answer.text,
      tokenIDs: generation.tokens.map(Int.init), finishReason: FinishReason(generation.end),
      tokens: .init(
        context: input.context.count, prompt: input.prompt.count,
        generated: generation.tokens.count),
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
      peakPrivateBytes: parts.map(\.peakPrivateBytes), logitsDigest: digest.hexadecimal)
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
