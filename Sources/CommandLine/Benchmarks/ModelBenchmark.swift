import Inference
import Kernels
import Ranks
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
    let weights = try placeWeights(command, run, outline)
    let peaks = try JobPeaks(run, measuringRead: true)
    let benchmark = ModelBenchmark(
      command: command, run: run,
      model: try job.onEveryRank {
        try weights.load(host: job.host, team: run.arithmetic.team)
      }, peaks: peaks)
    let prefills = command.prefill.filter { $0 > 0 }
    let depths = command.generate > 0 ? command.depth : []
    try run.write(
      prefills.map { try benchmark.prefill(tokens: $0) }
        + depths.map { try benchmark.generation(depth: $0) })
  }

  private static func placeWeights(
    _ command: BenchModelCommand, _ run: BenchmarkRun, _ outline: ModelOutline
  ) throws -> WeightPlacement {
    func bytes(_ sequence: SequenceDescription) -> Int {
      MemoryRequirement(
        configuration: outline.configuration, arithmetic: run.arithmetic, sequence: sequence,
        ranks: run.communicator.size, rank: run.communicator.rank
      ).bytes
    }
    let prefills = command.prefill.filter { $0 > 0 }.map(command.prefillSequence)
    let generations = command.generate > 0 ? command.depth.map(command.generationSequence) : []
    let most = (prefills + generations).map(bytes).max() ?? 0
    let weights = try WeightPlacement(
      of: outline, command.divideWeights, besides: most, job: run.job,
      threads: run.arithmetic.team.threads, givesContextLogits: false)
    try run.job.checkMemory(
      most + weights.rankBytes, shared: weights.hostBytes,
      for: "KV blocks, activations and random weights",
      remedy: "use more hosts, less --prefill and --depth, or --precision bf16")
    return weights
  }

  private func context(_ sequence: SequenceDescription) -> DecoderContext {
    DecoderContext(
      weights: model.weights, sequence, communicator: run.communicator, arithmetic: run.arithmetic)
  }

  private func prefill(_ context: DecoderContext, _ tokens: [Int32]) throws {
    _ = try WorkLocation.within(stage: "prefill") { try PrefillPass(context).run(tokens: tokens) }
  }

  /// Random ids, the same on every rank.
  private func tokens(_ count: Int) -> [Int32] {
    var generator = SplitMix64(seed: 0)
    let vocabulary = UInt64(model.configuration.vocabulary.size)
    return (0..<count).map { _ in Int32(generator.next() % vocabulary) }
  }

  // MARK: - What is measured

  /// Each time a new sequence.
  private func prefill(tokens count: Int) throws -> [Table.Cell] {
    let tokens = tokens(count)
    let runs = try run.repeated(against: peaks) { _ in
      let context = context(command.prefillSequence(count))
      let seconds = try run.timed { try prefill(context, tokens) }.seconds
      let cost = context.prefillCost.attention
      let flops = cost.flops + context.prefillLinearFlops
      return Repetition(
        seconds: seconds, amount: try run.communicator.allReduce(value: flops, .sum),
        exposedSeconds: try run.communicator.allReduce(
          value: cost.exposedSeconds, .maximum))
    }
    return cells(
      "pp\(count)", tokens: count, depth: 0, runs, .computed(Measurement(runs.map(\.rate))))
  }

  /// One context, behind which each repetition goes on where the last one ended: as many answers
  /// at once as the batch has.
  private func generation(depth: Int) throws -> [Table.Cell] {
    let count = command.generate
    let batch = command.batch
    let context = context(command.generationSequence(depth))
    try prefill(context, tokens(depth))
    let pass = try AppendPass(context)
    for branch in 0..<batch { pass.beginBranch(branch) }
    let generated = tokens(count * batch)
    let logits = AlignedBuffer<Float>(count: batch * model.configuration.vocabulary.size)
    var position = depth
    let runs = try run.repeated(against: peaks) { _ in
      let bytes = bytesRead(from: position, count: count)
      let before = pass.work
      let seconds = try run.timed {
        for index in 0..<count {
          let pieces = (0..<batch).map { branch in
            let place = branch * count + index
            return AppendedTokens(
              branch: branch, tokens: generated[place...place], wantsLogits: true)
          }
          try WorkLocation.within(stage: "decode") {
            try pass.append(pieces, logits: logits.pointer)
          }
        }
      }.seconds
      position += count
      let attention = try run.communicator.allReduce(
        value: pass.work.flops - before.flops, .sum)
      return Repetition(
        seconds: seconds,
        amount: batch == 1
          ? bytes
          : attention + Double(count * batch) * AppendPass.linearFlopsPerToken(model.weights),
        exposedSeconds: try run.communicator.allReduce(
          value: pass.work.exposedSeconds - before.exposedSeconds, .maximum))
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
    let keysAndValues = model.configuration.layers.reduce(0.0) { sum, layer in
      let layout = run.arithmetic.keyValueLayout(layer.attention.shape)
      let seen = (position..<position + count).reduce(0.0) {
        $0 + Double(layer.pattern.visibleKeyCount(position: $1))
      }
      return sum + seen * Double(layout.blockBytes / tokensPerBlock)
    }
    return Double(AppendPass.weightBytesPerToken(model.weights)) * Double(count) + keysAndValues
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
  fileprivate func prefillSequence(_ tokens: Int) -> SequenceDescription {
    SequenceDescription(partition: partition, contextTokens: tokens, maximumAppended: 0)
  }

  /// What is appended: by all repetitions behind one context, the one that warms up included.
  fileprivate func generationSequence(_ depth: Int) -> SequenceDescription {
    SequenceDescription(
      partition: partition, contextTokens: depth,
      maximumAppended: generate * (common.repetitions + 1), branches: batch)
  }
}
