import Kernels
import Ranks
import Reporting
import RingAttention

/// `bench attention`: one layer's prefill attention on random queries, keys and values, as the
/// program runs it.
enum AttentionBenchmark {
  static func run(_ command: BenchAttentionCommand, _ job: Job) throws {
    let run = try BenchmarkRun(command.common, job)
    let shape = AttentionShape(command.heads)
    try job.checkMemory(
      RandomAttentionLayer.bytes(
        arithmetic: run.arithmetic, shape: shape, tokens: command.tokens, run.communicator),
      for: "one layer", remedy: "use more hosts, fewer --tokens, or --precision bf16")
    let peaks = try JobPeaks(run, measuringRead: false)
    let layer = RandomAttentionLayer(
      arithmetic: run.arithmetic, shape: shape,
      pattern: AttentionPattern(slidingWindow: command.window > 0 ? command.window : nil),
      tokens: command.tokens, communicator: run.communicator)

    let runs = try run.repeated(against: peaks) { _ in
      let (work, seconds) = try run.timed { try layer.attend() }
      let flops = try run.communicator.allReduce(value: work.flops, .sum)
      return (seconds: seconds, gflops: flops / seconds / 1e9)
    }
    var cells: [Table.Cell] = [.text("test", "attention")]
    cells += run.cells
    cells += [
      .integer("tokens", command.tokens), .integer("query_heads", shape.queryHeads),
      .integer("kv_heads", shape.keyValueHeads), .integer("head_dim", shape.headDimension),
      .integer("window", command.window), .integer("repetitions", runs.count),
      .decimal("seconds", Measurement(runs.map(\.seconds)).mean, digits: 4),
    ]
    try run.write([cells + peaks.cells(.computed(Measurement(runs.map(\.gflops))))])
  }
}

extension AttentionShape {
  init(_ options: AttentionShapeOptions) {
    self.init(
      queryHeads: options.queryHeads, keyValueHeads: options.kvHeads,
      headDimension: options.headDim)
  }
}
