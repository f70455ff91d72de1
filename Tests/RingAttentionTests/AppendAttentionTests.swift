import Kernels
import MPI
import Ranks
import RingAttention
import TestSupport
import Testing

extension RankTests {
  @Suite @MPIThread struct AppendAttentionTests {
    /// Context lengths such that the appended tokens lie in the context's last block, begin the
    /// next one, or both.
    nonisolated static let sizes: [(context: Int, shape: AttentionShape, window: Int?)] = [
      (1, AttentionShape(queryHeads: 3, keyValueHeads: 1, headDimension: 80), nil),
      (200, AttentionShape(queryHeads: 8, keyValueHeads: 1, headDimension: 64), nil),
      (255, AttentionShape(queryHeads: 2, keyValueHeads: 2, headDimension: 128), 100),
      (256, AttentionShape(queryHeads: 6, keyValueHeads: 2, headDimension: 64), 1),
      (257, AttentionShape(queryHeads: 4, keyValueHeads: 1, headDimension: 128), 300),
      (1500, AttentionShape(queryHeads: 3, keyValueHeads: 1, headDimension: 64), 1000),
      (4095, AttentionShape(queryHeads: 16, keyValueHeads: 2, headDimension: 80), nil),
    ]

    @Test(arguments: sizes.indices)
    func rowsAreTheSameAloneTogetherAndOnEveryRank(size: Int) throws {
      let (context, shape, window) = Self.sizes[size]
      let appended = 70
      for arithmetic in context > 1500 ? highestArithmetics() : arithmetics() {
        let attention = AttentionCase(
          shape: shape, pattern: AttentionPattern(slidingWindow: window),
          tokens: context + appended,
          sinks: size % 2 == 0 ? [] : (0..<shape.queryHeads).map { 3 - 2 * Float($0) },
          arithmetic: arithmetic, seed: UInt64(size))
        let positions = Array(context..<context + appended)
        let expected = try world.broadcast(
          array: world.rank == 0 ? positions.flatMap { attention.outputAlone($0..<$0 + 1) } : [],
          from: 0)
        for (index, kind) in PartitionKind.allCases.enumerated() {
          // Every partition meets one thread and two, in turns.
          let threads = 1 + (index + size) % 2
          let label =
            "\(kind), \(context) tokens, window \(window ?? 0), "
            + "\(shape.queryHeads)/\(shape.keyValueHeads) heads of \(shape.headDimension), "
            + "\(arithmetic.precision), \(arithmetic.instructionSet), \(threads) threads"
          for (most, hasNeighbour) in [(1, false), (64, false), (7, true)] {
            let run = try AppendRun(
              attention, context: context, partition: kind,
              arithmetic: Arithmetic(
                precision: arithmetic.precision, instructionSet: arithmetic.instructionSet,
                team: ThreadTeam(threads: threads, spins: 0)),
              hasNeighbour: hasNeighbour)
            var output: [UInt8] = []
            // Only a few by themselves, which is slow.
            let count = most == 1 ? 6 : most == 7 ? 21 : appended
            for first in stride(from: 0, to: count, by: most) {
              output += try run.append(Array(positions[first..<min(first + most, count)]))
            }
            #expect(
              output[...] == expected[..<(count * attention.outputBytes)],
              "\(most) at once, neighbour: \(hasNeighbour), \(label)")
          }
        }
        // One rank is enough, as all numbers of them give the same bytes.
        guard world.size == 1 else { continue }
        var errors = ErrorComparison()
        for token in stride(from: 0, to: appended, by: 3) {
          let bytes = attention.outputBytes
          errors.add(
            expected[token * bytes..<(token + 1) * bytes], of: attention,
            position: positions[token])
        }
        #expect(
          errors.squaredError <= 1.5 * 1.5 * errors.squaredNaiveError,
          "\(context) tokens, \(arithmetic.precision), \(arithmetic.instructionSet)")
      }
    }

    /// The ranks' FLOPs add up to what the appended tokens cost.
    @Test func workAddsUp() throws {
      let shape = AttentionShape(queryHeads: 4, keyValueHeads: 2, headDimension: 64)
      let attention = AttentionCase(
        shape: shape, pattern: AttentionPattern(slidingWindow: 300), tokens: 610,
        arithmetic: arithmetics().last!, seed: 3)
      let run = try AppendRun(
        attention, context: 600, partition: .zigzag, arithmetic: attention.arithmetic)
      _ = try run.append(Array(600..<610))
      let flops = try world.allReduce(value: run.work.flops, .sum)
      #expect(abs(flops / Double(10 * 300 * 4 * 4 * 64) - 1) < 1e-12)
      let rows = 10 * 4 * attention.arithmetic.stateLayout(headDimension: 64).rowElements * 8
      #expect(run.work.bytesSent == (world.size == 1 ? 0 : rows))
    }
  }
}

/// A context on all ranks, and tokens that are appended to it in the second of three branches, with
/// other tokens in the third at the same time.
@MPIThread private final class AppendRun {
  private let attention: AttentionCase
  private let arithmetic: Arithmetic
  private let cache: KeyValueCache
  private let branches: BranchCache
  private let appendAttention: AppendAttention
  private let context: Int
  private let hasNeighbour: Bool
  private(set) var work = AttentionWork()

  init(
    _ attention: AttentionCase, context: Int, partition kind: PartitionKind,
    arithmetic: Arithmetic, hasNeighbour: Bool = false
  ) throws {
    self.attention = attention
    self.arithmetic = arithmetic
    self.context = context
    self.hasNeighbour = hasNeighbour
    let partition = SequencePartition(
      kind, blocks: (context + tokensPerBlock - 1) / tokensPerBlock, ranks: world.size)
    // Before the layer that is attended is one of other heads.
    let layout = CacheLayout([
      arithmetic.keyValueLayout(
        AttentionShape(queryHeads: 4, keyValueHeads: 2, headDimension: 16)),
      attention.layout,
    ])
    cache = KeyValueCache(
      KeyValueCache.Plan(
        layout: layout, blocks: partition.blocks(of: world.rank)))
    branches = BranchCache(
      BranchCache.Plan(
        layout: layout, partition: BranchPartition(context: partition), rank: world.rank,
        branches: 3, firstBlock: context / tokensPerBlock, blocksPerBranch: 2))
    let plan = AppendAttention.Plan(arithmetic: arithmetic, layout: layout, capacity: 128)
    appendAttention = try AppendAttention(
      plan, exchange: HostExchange(world, bytes: plan.bytesGiven), arithmetic: arithmetic,
      context: cache, branches: branches)
    for position in 0..<context {
      guard let index = cache.blocks.firstIndex(of: position / tokensPerBlock) else { continue }
      attention.store(position, into: cache.head(0, layer: 1, index: index))
    }
    let tail = AlignedBuffer<UInt8>(count: layout.blockBytes)
    for position in context / tokensPerBlock * tokensPerBlock..<context {
      attention.store(position, into: tail.pointer + layout.blockBytes(before: 1))
    }
    // The second time over what is there.
    for _ in 0..<2 {
      for branch in 1...2 {
        branches.begin(
          branch, tail: context % tokensPerBlock == 0 ? nil : UnsafeRawPointer(tail.pointer))
        for position in context..<min(context + 70, attention.tokens) {
          store(position, branch: branch)
        }
      }
    }
    branches.begin(1, tail: context % tokensPerBlock == 0 ? nil : UnsafeRawPointer(tail.pointer))
  }

  private func store(_ position: Int, branch: Int) {
    let block = position / tokensPerBlock
    branches.use(branch, upTo: block)
    guard branches.owns(branch, block: block) else { return }
    attention.store(position, into: branches.head(0, layer: 1, branch: branch, block: block))
  }

  /// `[positions][outputBytes]`
  func append(_ positions: [Int]) throws -> [UInt8] {
    for position in positions { store(position, branch: 1) }
    // The neighbour's tokens are those behind the context, whatever is asked for.
    let others = hasNeighbour ? Array(context..<context + 3) : []
    let queries = attention.queryRows(others + positions)
    let count = others.count + positions.count
    let output = AlignedBuffer<UInt8>(count: count * attention.outputBytes)
    var tokens = [
      BranchTokens(branch: 1, range: others.count..<count, position: positions[0])
    ]
    if hasNeighbour {
      tokens.insert(BranchTokens(branch: 2, range: 0..<3, position: context), at: 0)
    }
    work = try appendAttention.attend(
      attention.layer(1), queries: queries.pointer, tokens: tokens, output: output.pointer)
    return Array(output.elements.dropFirst(others.count * attention.outputBytes))
  }
}
