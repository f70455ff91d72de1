import Kernels
import Ranks
import Reporting
import RingAttention
import Transformer

/// `bench linear`: linear layers of one shape, with the calls of a prefill and with those of
/// generation, on weights that come from memory.
struct LinearBenchmark {
  private let command: BenchLinearCommand
  private let run: BenchmarkRun
  private let peaks: JobPeaks
  private let weights: RandomMatrices
  /// What they are multiplied with.
  private let type: InputType
  /// Of the rows, those of this rank.
  private let ownRows: Int

  static func run(_ command: BenchLinearCommand, _ job: Job) throws {
    let benchmark = try LinearBenchmark(command, BenchmarkRun(command.common, job))
    try benchmark.run.write([benchmark.matrixMatrix(), benchmark.matrixVector()])
  }

  private init(_ command: BenchLinearCommand, _ run: BenchmarkRun) throws {
    self.command = command
    self.run = run
    let communicator = run.communicator
    ownRows =
      SequenceShare(
        partition: SequencePartition(
          .zigzag, blocks: blockCount(tokens: command.rows), ranks: communicator.size),
        rank: communicator.rank, sequenceTokens: command.rows
      ).tokenCount
    // In a pass over all matrices, a host reads its ranks' part of each: that is to be more than its
    // caches hold.
    let format = command.format
    let matrixBytes = command.outputs * format.rowBytes(inputs: command.inputs)
    let passBytes =
      2 * LastLevelCache(cores: run.resources.coreNumbers).bytes * communicator.size
      / run.resources.ranks
    let count = try communicator.allReduce(value: passBytes / matrixBytes + 1, .maximum)
    let strideBytes = run.arithmetic.inputRowBytes(columns: command.inputs)
    try run.job.checkMemory(
      (ownRows + 1) * strideBytes
        + min(max(ownRows, 1), PrefillPass.tokensPerChunk) * command.outputs * 4
        + run.arithmetic.team.threads * run.arithmetic.linearScratchBytes(inputs: command.inputs),
      shared: count * matrixBytes, for: "inputs, outputs and more weights than its caches hold",
      remedy: "use fewer --rows, or fewer --inputs and --outputs")
    peaks = try JobPeaks(run, measuringRead: true)
    let matrices = try run.job.onEveryRank {
      try RandomMatrices(
        count: count, outputs: command.outputs, inputs: command.inputs,
        format: format, host: run.job.host, team: run.arithmetic.team)
    }
    weights = matrices
    type = run.arithmetic.inputType(of: LinearGroup(matrices[0]))
  }

  /// As in a prefill: each rank's rows, a chunk at a time, all outputs.
  private func matrixMatrix() throws -> [Table.Cell] {
    let inputs = RandomInputs(
      rows: ownRows, columns: command.inputs, as: type, run.arithmetic)
    let chunk = min(ownRows, PrefillPass.tokensPerChunk)
    let outputs = AlignedBuffer<Float>(count: chunk * command.outputs)
    let flops = 2 * Double(command.rows) * Double(command.inputs) * Double(command.outputs)
    let seconds = try run.repeated(against: peaks) { repetition in
      let matrix = weights[repetition]
      return try run.timed {
        for first in stride(from: 0, to: ownRows, by: max(chunk, 1)) {
          run.arithmetic.multiply(
            matrix, inputs: inputs.rows(from: first),
            tokens: min(chunk, ownRows - first),
            outputs: outputs.pointer, outputStride: command.outputs)
        }
      }.seconds
    }
    return cells(
      "matrix-matrix", rows: command.rows, seconds: seconds,
      type == .int8
        ? .computedAsInt8(Measurement(seconds.map { flops / $0 / 1e9 }))
        : .computed(Measurement(seconds.map { flops / $0 / 1e9 })))
  }

  /// As in generation: one row on every rank, each rank's part of the outputs.
  private func matrixVector() throws -> [Table.Cell] {
    let inputs = RandomInputs(rows: 1, columns: command.inputs, as: type, run.arithmetic)
    let (rank, ranks) = (run.communicator.rank, run.communicator.size)
    let own = command.outputs * rank / ranks..<command.outputs * (rank + 1) / ranks
    let outputs = AlignedBuffer<Float>(count: own.count)
    let seconds = try run.repeated(against: peaks) { _ in
      try run.timed {
        for index in 0..<weights.count {
          run.arithmetic.multiplyRows(
            LinearGroup(weights[index]), range: own,
            inputs: inputs.rows(from: 0), rows: 1,
            outputs: outputs.pointer, outputStride: own.count)
        }
      }.seconds
    }
    return cells(
      "matrix-vector", rows: 1, seconds: seconds,
      .read(Measurement(seconds.map { Double(weights.bytes) / $0 / 1e9 })))
  }

  private func cells(
    _ test: String, rows: Int, seconds: [Double], _ rate: JobPeaks.Rate
  ) -> [Table.Cell] {
    [.text("test", test)] + run.cells + [
      .text("weights", command.format.name),
      .integer("rows", rows), .integer("inputs", command.inputs),
      .integer("outputs", command.outputs), .integer("matrices", weights.count),
      .integer("repetitions", seconds.count),
      .decimal("seconds", Measurement(seconds).mean, digits: 4),
    ] + peaks.cells(rate)
  }
}
