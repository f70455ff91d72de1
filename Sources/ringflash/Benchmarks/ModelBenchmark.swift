import Inference
import Kernels
import Reporting
import RingAttention
import Transformer

/// `bench model`: the prefill and the generation of a whole model, as `generate` runs them, without
/// text.
struct ModelBenchmark {
  private let command: BenchModelCommand
  private let run: BenchmarkRun
  private let model: Model
  private let peaks: JobPeaks

  static func run(_ command: BenchModelCommand, _ job: Job) throws {
    let run = try BenchmarkRun(command.common, job)
    let outline = try BenchmarkModel.outline(
      command.model, precision: command.common.precision, job)
    try checkMemory(command, run, outline)
    let peaks = try JobPeaks(run, measuringRead: true)
    let benchmark = ModelBenchmark(
      command: command, run: run,
      model: try job.onEveryRank {
        try outline.load(host: job.host, team: run.arithmetic.team)
      }, peaks: peaks)
    let prefills = command.prefill.filter { $0 > 0 }
    let depths = command.generate > 0 ? command.depth : []
    try run.write(
      prefills.map { try benchmark.prefill(tokens: $0) }
        + depths.map { try benchmark.generation(depth: $0) })
  }

  private static func checkMemory(
    _ command: BenchModelCommand, _ run: BenchmarkRun, _ outline: ModelOutline
  ) throws {
    func bytes(context: Int, appended: Int, branches: Int = 1) -> Int {
      MemoryRequirement(
        configuration: outline.configuration, arithmetic: run.arithmetic,
        partition: command.partition, ranks: run.communicator.size, rank: run.communicator.rank,
        contextTokens: context, maximumAppended: appended, branches: branches
      ).bytes
    }
    let prefills = command.prefill.filter { $0 > 0 }.map { bytes(context: $0, appended: 0) }
    let generations = command.generate > 0 ? command.depth : []
    let most =
      (prefills
      + generations.map {
        bytes(context: $0, appended: command.appendedTokens, branches: command.batch)
      }).max() ?? 0
    try run.job.checkMemory(
      most + outline.weights.vectorBytes, shared: outline.weights.sharedBytes,
      for: "KV blocks, activations and random weights",
      remedy: "use more hosts, less --prefill and --depth, or --precision bf16")
  }

  private func stack(context: Int, appended: Int, branches: Int = 1) -> DecoderStack {
    DecoderStack(
      weights: model.weights, communicator: run.communicator, arithmetic: run.arithmetic,
      partition: command.partition, contextTokens: context, maximumAppended: appended,
      branches: branches)
  }

  /// Random ids, the same on every rank.
  private func tokens(_ count: Int) -> [Int32] {
    var generator = SplitMix64(seed: 0)
    let vocabulary = UInt64(model.configuration.vocabularySize)
    return (0..<count).map { _ in Int32(generator.next() % vocabulary) }
  }

  // MARK: - What is measured

  /// Each time a new sequence.
  private func prefill(tokens count: Int) throws -> [Table.Cell] {
    let context = tokens(count)
    let runs = try run.repeated(against: peaks) { _ in
      let stack = stack(context: count, appended: 0)
      let seconds = try run.timed { try stack.prefill(tokens: context) }.seconds
      let flops = stack.prefillWork.flops + stack.prefillLinearFlops
      return Repetition(
        seconds: seconds, amount: try run.communicator.allReduce(value: flops, .sum),
        exposedSeconds: try run.communicator.allReduce(
          value: stack.prefillWork.exposedSeconds, .maximum))
    }
    return cells(
      "pp\(count)", tokens: count, depth: 0, runs, .computed(Measurement(runs.map(\.rate))))
  }

  /// One context, behind which each repetition goes on where the last one ended: as many answers
  /// at once as the batch has.
  private func generation(depth: Int) throws -> [Table.Cell] {
    let count = command.generate
    let batch = command.batch
    let stack = stack(context: depth, appended: command.appendedTokens, branches: batch)
    try stack.prefill(tokens: tokens(depth))
    for branch in 0..<batch { try stack.beginBranch(branch) }
    let generated = tokens(count * batch)
    let logits = AlignedBuffer<Float>(count: batch * model.configuration.vocabularySize)
    var position = depth
    let runs = try run.repeated(against: peaks) { _ in
      let bytes = bytesRead(from: position, count: count)
      let before = stack.appendWork
      let seconds = try run.timed {
        for index in 0..<count {
          let pieces = (0..<batch).map { branch in
            let place = branch * count + index
            return AppendedTokens(
              branch: branch, tokens: generated[place...place], wantsLogits: true)
          }
          try stack.append(pieces, logits: logits.pointer)
        }
      }.seconds
      position += count
      let attention = try run.communicator.allReduce(
        value: stack.appendWork.flops - before.flops, .sum)
      return Repetition(
        seconds: seconds,
        amount: batch == 1
          ? bytes : attention + Double(count * batch) * stack.appendLinearFlops,
        exposedSeconds: try run.communicator.allReduce(
          value: stack.appendWork.exposedSeconds - before.exposedSeconds, .maximum))
    }
    // One token at a time is bound by memory, several together by arithmetic.
    let rate = Measurement(runs.map(\.rate))
    return cells(
      "tg\(count) @ d\(depth)", tokens: count * batch, depth: depth, batch: batch, runs,
      batch == 1 ? .read(rate) : .computed(rate))
  }

  private struct Repetition {
    let seconds: Double
    /// FLOPs, or bytes read.
    let amount: Double
    let exposedSeconds: Double

    /// GFLOP/s or GB/s.
    var rate: Double { amount / seconds / 1e9 }
  }

  /// What all ranks together read for tokens one at a time, the first at `position`: the weights of
  /// layers and head, and the keys and values that each token sees.
  private func bytesRead(from position: Int, count: Int) -> Double {
    let weights = model.weights
    let matrixBytes = weights.layers.reduce(weights.head.bytes) { sum, layer in
      let (attention, mlp) = (layer.attention, layer.mlp)
      return [
        attention.query, attention.key, attention.value, attention.output, mlp.gate, mlp.up,
        mlp.down,
      ].reduce(sum) { $0 + $1.bytes }
    }
    let layout = run.arithmetic.keyValueLayout(AttentionShape(model.configuration))
    let windows = model.configuration.layers.map { $0.slidingWindow ?? .max }
    let tokensSeen = (position..<position + count).reduce(0.0) { sum, position in
      windows.reduce(sum) { $0 + Double(min($1, position + 1)) }
    }
    return Double(matrixBytes) * Double(count)
      + tokensSeen * Double(layout.blockBytes / tokensPerBlock)
  }

  private func cells(
    _ test: String, tokens: Int, depth: Int, batch: Int = 1, _ runs: [Repetition],
    _ rate: JobPeaks.Rate
  ) -> [Table.Cell] {
    let identity: [Table.Cell] = [
      .text("model", model.name), .integer("parameters", model.weights.parameters),
      .integer("weight_bytes", model.weights.bytes),
    ]
    let speed: [Table.Cell] = [
      .text("partition", command.partition.rawValue), .integer("repetitions", runs.count),
      .text("test", test), .integer("tokens", tokens), .integer("depth", depth),
      .integer("batch", batch),
      .measured(
        "tokens_per_second", Measurement(runs.map { Double(tokens) / $0.seconds }).cellValue,
        digits: 2),
    ]
    let exposed: [Table.Cell] = [
      .measured(
        "exposed_exchange", Measurement(runs.map(\.exposedSeconds)).cellValue, digits: 4, unit: "s")
    ]
    return identity + run.cells + speed + peaks.cells(rate) + exposed
  }
}

extension BenchModelCommand {
  /// By all repetitions behind one context, the one that warms up included.
  fileprivate var appendedTokens: Int { generate * (common.repetitions + 1) }
}
