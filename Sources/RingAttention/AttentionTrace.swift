import Kernels
import MPI

// Each rank keeps what its blocks gave the rows that are traced, relative to each block's own M. When all
// layers are done, two small reductions give every rank M and l of all of a row's keys: the largest M,
// then l in units of 2^-32, which are integers, so that the sum is the same over any ranks. From there on
// all of a passage is computed on the one rank that owns it, in one order of layers and heads. So
// neither the ranks nor the threads show in a score.

/// What some rows attended to in the layers that are counted, of one step of appended tokens.
public final class AttentionTrace {
  /// One row that is traced.
  public struct Row: Sendable {
    /// Its number among the tokens that are appended at once.
    public let token: Int
    public let branch: Int
    public let position: Int

    public init(token: Int, branch: Int, position: Int) {
      self.token = token
      self.branch = branch
      self.position = position
    }
  }

  /// What is traced on one rank, and the memory that it takes.
  public struct Plan: Sendable {
    let passages: ContextPassages
    /// `[layers]`: the numbers of its heads among all that are counted; nil of another layer.
    let headsOfLayer: [Range<Int>?]
    let heads: Int
    /// Blocks of the context on this rank, and the most of a branch.
    let contextBlocks: Int
    let blocks: Int
    /// `[rows][blocks][heads]`
    let totals: BufferPlan.Slot<BlockTotal>
    /// The same for the runs of each block.
    let runs: BufferPlan.Slot<SIMD16<Float>>
    /// `[rows][heads]`
    let maxima: BufferPlan.Slot<Double>
    /// `[l, of the first tokens][rows][heads]`, in units of 2^-32.
    let sums: BufferPlan.Slot<Int>
    /// `[rows][heads]`
    let shares: BufferPlan.Slot<HeadShares>
    /// `[capacity]`
    let rowOfToken: BufferPlan.Slot<Int32>
    /// `[the first block, the last one][17]`
    let bounds: BufferPlan.Slot<Int>
    let buffers: BufferPlan

    /// - Parameters:
    ///   - capacity: most tokens that are appended at once.
    ///   - patterns: `[layers]`
    public init(
      contextTokens: Int, cache: KeyValueCache.Plan, branches: BranchCache.Plan,
      patterns: [AttentionPattern], capacity: Int
    ) {
      passages = ContextPassages(contextTokens: contextTokens)
      let counted = Set(PassageScore.countedLayers(patterns))
      var heads = 0
      headsOfLayer = cache.layout.layers.enumerated().map { index, layer in
        guard counted.contains(index) else { return nil }
        defer { heads += layer.shape.queryHeads }
        return heads..<heads + layer.shape.queryHeads
      }
      self.heads = heads
      contextBlocks = cache.blocks.count
      blocks = contextBlocks + branches.mostBlocksOfBranch
      let rows = branches.branches
      var plan = BufferPlan()
      totals = plan.add(rows, blocks, heads)
      runs = plan.add(rows, blocks, heads)
      maxima = plan.add(rows, heads)
      sums = plan.add(2, rows, heads)
      shares = plan.add(rows, heads)
      rowOfToken = plan.add(capacity)
      bounds = plan.add(2, KeyRuns.most + 1)
      buffers = plan
    }

    public var bytes: Int { buffers.bytes }
  }

  let plan: Plan
  let branches: BranchCache
  let arithmetic: Arithmetic
  let memory: Buffers
  /// The context's blocks on this rank that no branch has a copy of, and their places.
  private let contextBlocks: [OwnBlock]
  /// How the context's first and last block are divided. Of those behind it, the totals count alone.
  private let boundsOfFirst: UnsafeBufferPointer<Int>
  private let boundsOfLast: UnsafeBufferPointer<Int>
  private let lastBlock: Int
  // At hand while layers run.
  private let totals: UnsafeMutablePointer<BlockTotal>
  private let runs: UnsafeMutablePointer<SIMD16<Float>>
  private let rowOfToken: UnsafeMutablePointer<Int32>
  private let rowStride: Int
  private(set) var rows: [Row] = []

  /// A block of a row's sequence on this rank.
  struct OwnBlock {
    let block: Int
    /// Its place among those of the row.
    let place: Int
  }

  public init(
    _ plan: Plan, arithmetic: Arithmetic, context: KeyValueCache, branches: BranchCache
  ) {
    self.plan = plan
    self.arithmetic = arithmetic
    self.branches = branches
    memory = Buffers(plan.buffers)
    contextBlocks = context.blocks.enumerated().compactMap { index, block in
      block < branches.firstBlock ? OwnBlock(block: block, place: index) : nil
    }
    totals = memory[plan.totals]
    runs = memory[plan.runs]
    rowOfToken = memory[plan.rowOfToken]
    rowStride = plan.blocks * plan.heads
    lastBlock = plan.passages.blocks - 1
    func bounds(of block: Int, at start: UnsafeMutablePointer<Int>) -> UnsafeBufferPointer<Int> {
      let bounds = plan.passages.runs(ofBlock: block).bounds
      start.update(from: bounds, count: bounds.count)
      return UnsafeBufferPointer(start: start, count: bounds.count)
    }
    boundsOfFirst = bounds(of: 0, at: memory[plan.bounds])
    boundsOfLast = bounds(of: lastBlock, at: memory[plan.bounds] + KeyRuns.most + 1)
  }

  /// Says which rows of the next step are traced; none for nothing.
  public func begin(_ rows: [Row]) {
    precondition(rows.count <= branches.branches, "one row of a branch is traced")
    self.rows = rows
    rowOfToken.update(repeating: -1, count: plan.rowOfToken.count)
    for (index, row) in rows.enumerated() { rowOfToken[row.token] = Int32(index) }
  }

  // MARK: - While layers run

  /// Where the sums of one KV head's tile belong; nil where nothing of it is traced.
  ///
  /// - Parameters:
  ///   - queryHead: the tile's first.
  ///   - index: of the block among the context's on this rank; of a branch, counted from there on.
  ///   - token: the tile's first.
  func sums(
    layer: Int, queryHead: Int, block: Int, index: Int, token: Int
  ) -> NumeratorSums? {
    guard !rows.isEmpty, let heads = plan.headsOfLayer[layer] else { return nil }
    let place = index * plan.heads + heads.lowerBound + queryHead
    return NumeratorSums(
      bounds: block == 0 ? boundsOfFirst : block == lastBlock ? boundsOfLast : nil,
      totals: totals + place, runs: runs + place, rowOfToken: rowOfToken + token,
      rowStride: rowStride, leastShare: PassageScore.leastExcess * 0.99)
  }

  /// The place of a branch's block that this rank owns.
  func place(ofBranchBlock block: Int) -> Int {
    plan.contextBlocks + branches.index(ofBlock: block)
  }

  // MARK: - When they are done

  /// The blocks that this rank has of what a row sees.
  func ownBlocks(of row: Row) -> [OwnBlock] {
    contextBlocks
      + branches.blocks(row.branch, upTo: row.position / tokensPerBlock).map {
        OwnBlock(block: $0, place: place(ofBranchBlock: $0))
      }
  }

  /// Where the heads of a row's block begin among the totals, and the runs.
  func start(ofRow row: Int, place: Int) -> Int { (row * plan.blocks + place) * plan.heads }
}
