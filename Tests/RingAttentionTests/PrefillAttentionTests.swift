import Kernels
import MPI
import RingAttention
import TestSupport
import Testing

extension RankTests {
  @Suite @MPIThread struct PrefillAttentionTests {
    /// Context lengths about the edges of blocks, each with other heads and another window.
    nonisolated static let sizes: [(tokens: Int, shape: AttentionShape, window: Int?)] = [
      (1, AttentionShape(queryHeads: 3, keyValueHeads: 1, headDimension: 80), nil),
      (1, AttentionShape(queryHeads: 8, keyValueHeads: 1, headDimension: 64), 1),
      (255, AttentionShape(queryHeads: 2, keyValueHeads: 2, headDimension: 128), 100),
      (255, AttentionShape(queryHeads: 6, keyValueHeads: 2, headDimension: 64), nil),
      (256, AttentionShape(queryHeads: 8, keyValueHeads: 1, headDimension: 80), nil),
      (256, AttentionShape(queryHeads: 4, keyValueHeads: 1, headDimension: 128), 1),
      (257, AttentionShape(queryHeads: 8, keyValueHeads: 2, headDimension: 64), 256),
      (257, AttentionShape(queryHeads: 3, keyValueHeads: 1, headDimension: 128), nil),
      (700, AttentionShape(queryHeads: 8, keyValueHeads: 1, headDimension: 64), 300),
      (700, AttentionShape(queryHeads: 1, keyValueHeads: 1, headDimension: 80), 64),
      (1500, AttentionShape(queryHeads: 3, keyValueHeads: 1, headDimension: 64), 257),
      (1500, AttentionShape(queryHeads: 4, keyValueHeads: 1, headDimension: 80), nil),
      (1500, AttentionShape(queryHeads: 2, keyValueHeads: 2, headDimension: 64), 1000),
      (4095, AttentionShape(queryHeads: 3, keyValueHeads: 1, headDimension: 64), nil),
    ]

    @Test(arguments: sizes.indices)
    func equalsOneRankAndTheDefinition(size: Int) throws {
      let (tokens, shape, window) = Self.sizes[size]
      for arithmetic in tokens > 700 ? highestArithmetics() : arithmetics() {
        let single = AttentionCase(
          shape: shape, pattern: AttentionPattern(slidingWindow: window), tokens: tokens,
          sinks: size % 2 == 0 ? [] : (0..<shape.queryHeads).map { 3 - 2 * Float($0) },
          arithmetic: arithmetic, seed: UInt64(size))
        // Of other heads, so that what is there for one layer must serve both.
        let other = AttentionCase(
          shape: AttentionShape(queryHeads: 4, keyValueHeads: 2, headDimension: 48),
          pattern: AttentionPattern.causal, tokens: tokens, arithmetic: arithmetic,
          seed: UInt64(size + 100))
        var alone: [[Int: [UInt8]]] = [[:], [:]]
        for (index, kind) in PartitionKind.allCases.enumerated() {
          let threads = index == size % 3 ? 2 : 1
          let label =
            "\(kind), \(tokens) tokens, window \(window ?? 0), "
            + "\(shape.queryHeads)/\(shape.keyValueHeads) heads of \(shape.headDimension), "
            + "\(arithmetic.precision), \(arithmetic.instructionSet), \(threads) threads"
          let run = PrefillRun(
            layers: [single, other], partition: kind,
            arithmetic: Arithmetic(
              precision: arithmetic.precision, instructionSet: arithmetic.instructionSet,
              team: ThreadTeam(threads: threads, spins: 0)))
          for (call, layer) in [0, 1, 0].enumerated() {
            let output = try run.attend(layer: layer)
            let expected = run.outputAlone(layer: layer, memory: &alone[layer])
            #expect(output == expected, "layer \(layer), \(label)")
            // One rank is enough, as all numbers of them give the same bytes.
            guard world.size == 1, index == size % 3, threads == 2, call == 0 else { continue }
            try run.expectCloseToDefinition(output, label: label)
          }
        }
      }
    }

    @Test func progressRisesToNearlyOneOnTheCallingThread() throws {
      let shape = AttentionShape(queryHeads: 2, keyValueHeads: 1, headDimension: 64)
      let arithmetic = arithmetics().last!
      let layer = AttentionCase(
        shape: shape, pattern: AttentionPattern.causal, tokens: 2000, arithmetic: arithmetic,
        seed: 5)
      let run = PrefillRun(layers: [layer], partition: .zigzag, arithmetic: arithmetic)
      var fractions: [Double] = []
      var spans = 0
      var messages = 0
      _ = try run.attend(
        layer: 0,
        onSpan: { name, start, end in
          #expect(start <= end)
          if "\(name)" == "message" { messages += 1 } else { spans += 1 }
        }, onProgress: { fractions.append($0) })
      #expect(fractions == fractions.sorted())
      #expect(fractions.allSatisfy { (0...1).contains($0) })
      #expect(fractions.isEmpty == (run.share.tokenCount == 0))
      // Computation and waiting in each hop, and what arrives in some of them.
      #expect(spans == (world.size == 1 ? 1 : 2 * world.size))
      #expect(messages < world.size)
    }

    /// All ranks together do what the whole sequence costs, and send what the schedule says.
    @Test(arguments: [nil, 100, 300])
    func workAddsUp(window: Int?) throws {
      let shape = AttentionShape(queryHeads: 4, keyValueHeads: 2, headDimension: 64)
      let arithmetic = arithmetics().last!
      let tokens = 1300
      let layer = AttentionCase(
        shape: shape, pattern: AttentionPattern(slidingWindow: window), tokens: tokens,
        arithmetic: arithmetic, seed: 6)
      for kind in PartitionKind.allCases {
        let run = PrefillRun(layers: [layer], partition: kind, arithmetic: arithmetic)
        _ = try run.attend(layer: 0)
        let flops = try world.allReduce(value: run.work.flops, .sum)
        let pairs = (0..<tokens).reduce(0) { $0 + min($1 + 1, window ?? .max) }
        #expect(flops == Double(pairs * 4 * 4 * 64), "\(kind)")
        let schedule = RingSchedule(partition: run.partition, pattern: layer.pattern)
        let received = (1..<max(world.size, 1)).reduce(0) {
          $0 + schedule.blocks(of: schedule.source(at: world.rank, hop: $1), atHop: $1).count
        }
        #expect(
          try world.allReduce(value: run.work.bytesSent, .sum)
            == world.allReduce(value: received * layer.layout.blockBytes, .sum), "\(kind)")
      }
    }
  }
}

/// The prefill attention of this rank's part of a sequence.
@MPIThread final class PrefillRun {
  let layers: [AttentionCase]
  let arithmetic: Arithmetic
  let partition: SequencePartition
  let share: SequenceShare
  private(set) var work = AttentionWork()
  private let attention: PrefillAttention
  private let positions: [Int]

  init(layers: [AttentionCase], partition kind: PartitionKind, arithmetic: Arithmetic) {
    self.layers = layers
    self.arithmetic = arithmetic
    let tokens = layers[0].tokens
    partition = SequencePartition(
      kind, blocks: (tokens + tokensPerBlock - 1) / tokensPerBlock, ranks: world.size)
    share = SequenceShare(partition: partition, rank: world.rank, sequenceTokens: tokens)
    positions = (0..<share.tokenCount).map(share.position(ofToken:))
    let cachePlan = KeyValueCache.Plan(
      layout: CacheLayout(layers.map(\.layout)), blocks: share.blocks)
    let cache = KeyValueCache(cachePlan)
    for (layer, attention) in layers.enumerated() {
      for (token, position) in positions.enumerated() {
        attention.store(
          position, into: cache.head(0, layer: layer, index: token / tokensPerBlock))
      }
    }
    attention = PrefillAttention(
      PrefillAttention.Plan(
        arithmetic: arithmetic, cache: cachePlan,
        schedules: RingSchedules(partition: partition, patterns: layers.map(\.pattern)),
        layers: layers.map(\.pattern), share: share, rank: world.rank),
      communicator: world, arithmetic: arithmetic, cache: cache)
  }

  /// `[own tokens][outputBytes]`
  func attend(
    layer: Int, onSpan: SpanHandler? = nil, onProgress: ((Double) -> Void)? = nil
  ) throws -> [UInt8] {
    let queries = layers[layer].queryRows(positions)
    let output = AlignedBuffer<UInt8>(count: positions.count * layers[layer].outputBytes)
    work = try attention.attend(
      layers[layer].layer(layer), queries: queries.pointer, output: output.pointer,
      onSpan: onSpan, onProgress: onProgress)
    return Array(output.elements)
  }

  /// The same without exchange, in the same tiles; `memory` keeps each block's output.
  func outputAlone(layer: Int, memory: inout [Int: [UInt8]]) -> [UInt8] {
    let attention = layers[layer]
    return share.blocks.indices.flatMap { index in
      let block = share.blocks[index]
      if let output = memory[block] { return output }
      let end = block * tokensPerBlock + share.tokenCount(ofBlock: index)
      let tokensPerTile = attention.arithmetic.tokensPerTile(attention.shape)
      let output = stride(
        from: block * tokensPerBlock, to: end, by: tokensPerTile
      ).flatMap { attention.outputAlone($0..<min($0 + tokensPerTile, end)) }
      memory[block] = output
      return output
    }
  }

  /// Compares some positions of layer 0 with the definition; the errors of all ranks are taken
  /// together.
  func expectCloseToDefinition(_ output: [UInt8], label: String) throws {
    let attention = layers[0]
    var errors = ErrorComparison()
    for (token, position) in positions.enumerated()
    where position % 101 == 0 || position % 256 == 0 || position % 256 == 255 {
      let bytes = attention.outputBytes
      errors.add(output[token * bytes..<(token + 1) * bytes], of: attention, position: position)
    }
    let error = try world.allReduce(value: errors.squaredError, .sum).squareRoot()
    let naive = try world.allReduce(value: errors.squaredNaiveError, .sum).squareRoot()
    #expect(error <= 1.5 * naive, "error \(error), naive \(naive), \(label)")
  }
}
