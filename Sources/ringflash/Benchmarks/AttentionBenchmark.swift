import Foundation
import Kernels
import MPI
import Reporting
import RingAttention

/// `bench attention`: one layer's prefill attention on random queries, keys and values, as the
/// program runs it, against the peak measured in the same run.
enum AttentionBenchmark {
  static func run(_ command: BenchAttentionCommand, _ job: Job) throws {
    let resources = try HostResources(job.host)
    let threads = command.threads ?? resources.threadsPerRank
    job.communicator.waitPolicy = .chosen(
      ranksOnHost: resources.ranks, threadsPerRank: threads, usableCores: resources.cores)
    let instructionSet = try job.agreedInstructionSet()
    let arithmetic = Arithmetic(
      precision: command.precision, instructionSet: instructionSet,
      team: ThreadTeam(
        threads: threads, spins: job.communicator.waitPolicy == .spin ? ThreadTeam.defaultSpins : 0)
    )
    let shape = AttentionShape(
      queryHeads: command.queryHeads, keyValueHeads: command.kvHeads,
      headDimension: command.headDim)
    let mask = AttentionMask(slidingWindow: command.window > 0 ? command.window : nil)
    try job.checkMemory(
      RandomLayer.bytes(
        arithmetic: arithmetic, shape: shape, tokens: command.tokens, job.communicator),
      for: "one layer", remedy: "use more hosts, fewer --tokens, or --precision bf16")
    let layer = RandomLayer(
      arithmetic: arithmetic, shape: shape, tokens: command.tokens,
      communicator: job.communicator)

    // One core's peak, measured by rank 0 while the others wait; the job's is that of all its
    // threads, or of all cores where there are fewer.
    let workers = min(resources.ranks * threads, resources.cores)
    let perCore = try job.onRoot { () -> Double in
      let peaks = MeasuredPeaks(instructionSet: instructionSet, measuringRead: false)
      switch command.precision {
      case .bf16: return peaks.dotProductGFLOPS ?? peaks.multiplyAddGFLOPS
      case .fp32: return peaks.multiplyAddGFLOPS
      }
    }
    let hosts = try job.communicator.allReduce(value: job.host.rank == 0 ? 1 : 0, .sum)
    let peak = perCore * Double(workers * hosts)

    var rates: [Double] = []
    var seconds: [Double] = []
    // The first run warms memory up and does not count.
    for repetition in 0...command.repetitions {
      try job.communicator.barrier()
      let start = ContinuousClock.now
      let work = try layer.attend(mask: mask)
      let flops = try job.communicator.allReduce(value: work.flops, .sum)
      try job.communicator.barrier()
      let elapsed = (ContinuousClock.now - start).seconds
      guard repetition > 0 else { continue }
      rates.append(flops / elapsed / 1e9)
      seconds.append(elapsed)
    }

    var table = Table(columns: [
      .text("test"), .text("precision"), .text("instruction_set"), .integer("ranks"),
      .integer("threads"), .integer("tokens"), .integer("query_heads"), .integer("kv_heads"),
      .integer("head_dim"), .integer("window"), .integer("repetitions"),
      .decimal("seconds", digits: 4), .decimal("gflops", digits: 1),
      .decimal("gflops_stddev", digits: 1), .decimal("peak_gflops", digits: 1),
      .decimal("fraction_of_peak", digits: 3),
    ])
    let mean = rates.reduce(0, +) / Double(rates.count)
    table.append([
      .text("attention"), .text(command.precision.rawValue), .text(instructionSet.rawValue),
      .integer(job.communicator.size), .integer(threads), .integer(command.tokens),
      .integer(command.queryHeads), .integer(command.kvHeads), .integer(command.headDim),
      .integer(command.window), .integer(command.repetitions),
      .decimal(seconds.reduce(0, +) / Double(seconds.count)), .decimal(mean),
      .decimal(standardDeviation(rates, mean: mean)), .decimal(peak), .decimal(mean / peak),
    ])
    try job.runOnRoot { try StandardOutput.write(table.rendered(as: command.format)) }
  }

  private static func standardDeviation(_ values: [Double], mean: Double) -> Double {
    guard values.count > 1 else { return 0 }
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (squares / Double(values.count - 1)).squareRoot()
  }
}

/// One attention layer with random contents, shared out over the ranks by zigzag.
private final class RandomLayer {
  private let arithmetic: Arithmetic
  private let attention: (AttentionMask) -> PrefillAttention
  private var prepared: (mask: AttentionMask, attention: PrefillAttention)?
  /// `[keyValueHeads][own tokens][groupSize][headDimension]` and `[own tokens][inputStride]` matrix
  /// input.
  private let queries: AlignedBuffer<UInt8>
  private let output: AlignedBuffer<UInt8>

  init(arithmetic: Arithmetic, shape: AttentionShape, tokens: Int, communicator: Communicator) {
    self.arithmetic = arithmetic
    let partition = SequencePartition(
      .zigzag, blocks: (tokens + tokensPerBlock - 1) / tokensPerBlock, ranks: communicator.size)
    let share = SequenceShare(
      partition: partition, rank: communicator.rank, sequenceTokens: tokens)
    let layout = arithmetic.keyValueLayout(shape)
    let cache = KeyValueCache(
      layout: layout, layers: 1, blocks: share.blocks, capacity: share.blocks.count)
    let width = shape.queryHeads * shape.headDimension
    let inputBytes = arithmetic.inputType.bytes
    queries = AlignedBuffer(count: share.tokenCount * width * inputBytes)
    output = AlignedBuffer(
      count: share.tokenCount * Arithmetic.inputStride(columns: width) * inputBytes)
    attention = { mask in
      PrefillAttention(
        communicator: communicator, arithmetic: arithmetic, cache: cache, partition: partition,
        sequenceTokens: tokens, masks: [mask])
    }

    var generator = SplitMix64(seed: UInt64(communicator.rank))
    var row = [Float](repeating: 0, count: 2 * max(width, shape.headDimension))
    func fill() { for index in row.indices { row[index] = Float(generator.nextUniform() * 2 - 1) } }
    for token in 0..<share.tokenCount {
      fill()
      arithmetic.round(row, count: width, into: queries.pointer + token * width * inputBytes)
      for head in 0..<shape.keyValueHeads {
        fill()
        row.withUnsafeBufferPointer { row in
          arithmetic.store(
            keys: row.baseAddress!, values: row.baseAddress! + shape.headDimension,
            token: token % tokensPerBlock,
            into: cache.head(head, layer: 0, index: token / tokensPerBlock), layout: layout)
        }
      }
    }
  }

  /// What a rank needs: queries and outputs, softmax states, its KV blocks, and two exchange buffers
  /// that each hold at most as much again.
  static func bytes(
    arithmetic: Arithmetic, shape: AttentionShape, tokens: Int, _ communicator: Communicator
  ) -> Int {
    let blocks = (tokens + tokensPerBlock - 1) / tokensPerBlock
    let ownBlocks = SequencePartition(.zigzag, blocks: blocks, ranks: communicator.size)
      .blockCount(of: communicator.rank)
    let bytesPerToken =
      2 * shape.queryHeads * shape.headDimension * arithmetic.inputType.bytes
      + shape.queryHeads * arithmetic.stateLayout(headDimension: shape.headDimension).rowElements
      * MemoryLayout<Double>.stride
    return min(tokens, ownBlocks * tokensPerBlock) * bytesPerToken
      + (communicator.size > 1 ? 3 : 1) * ownBlocks * arithmetic.keyValueLayout(shape).blockBytes
  }

  func attend(mask: AttentionMask) throws -> AttentionWork {
    if prepared?.mask != mask { prepared = (mask, attention(mask)) }
    return try prepared!.attention.attend(
      layer: 0, mask: mask, queries: queries.pointer, output: output.pointer)
  }
}
