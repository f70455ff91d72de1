import Kernels
import MPI
import Ranks

// A few tokens behind a long context, of one or several branches: their queries are on every rank,
// each rank attends to its own blocks, and one reduction with the merge of softmax states as its
// operation makes every rank's state that of the whole sequence.

/// Neighbouring tokens of one branch, among all that are appended at once.
public struct BranchTokens: Sendable, Equatable {
  public let branch: Int
  /// Their places among all tokens that are appended at once.
  public let range: Range<Int>
  /// The global position of the first.
  public let position: Int

  public init(branch: Int, range: Range<Int>, position: Int) {
    self.branch = branch
    self.range = range
    self.position = position
  }

  var lastPosition: Int { position + range.count - 1 }
}

/// Attention of appended tokens to all tokens before them; used for all layers.
public final class AppendAttention {
  /// With how many tokens at once one rank attends, and the memory that it takes.
  public struct Plan: Sendable {
    /// Most tokens that are appended at once.
    public let capacity: Int
    /// `[threads][keyValueHeads][capacity][groupSize]` rows of `SoftmaxStateLayout`, of any layer: of
    /// the whole sequence, and of each thread but the first, whose are the rank's.
    fileprivate let states: BufferPlan.Slot<Double>
    /// The most bytes that a rank gives the others at a time.
    public let bytesGiven: Int
    fileprivate let buffers: BufferPlan

    public init(arithmetic: Arithmetic, layout: CacheLayout, capacity: Int) {
      self.capacity = capacity
      var plan = BufferPlan()
      let elements = layout.layers.map { layer in
        arithmetic.queryLayout(layer.shape, tokens: capacity).rows
          * arithmetic.stateLayout(headDimension: layer.shape.headDimension).rowElements
      }.max()!
      states = plan.add(arithmetic.team.threads, elements)
      bytesGiven = elements * MemoryLayout<Double>.stride
      buffers = plan
    }

    public var bytes: Int { buffers.bytes }
  }

  private let plan: Plan
  private let exchange: HostExchange
  private let arithmetic: Arithmetic
  private let context: KeyValueCache
  private let branches: BranchCache
  /// Nil where nobody asks what tokens attend to.
  private let trace: AttentionTrace?
  /// `[layers]`: the merge of the layer's states, one for all layers with one head dimension.
  private let merges: [ReductionOperation]
  /// By what they follow from: made once, so that a step takes no memory.
  private var reductions: [Reduction: HostExchange.ReductionPlan] = [:]
  private let memory: Buffers
  /// What there is to attend to in one layer. This and what follows is kept, so that a step takes no
  /// memory.
  private var parts: [Part] = []
  private var call: Call?
  private lazy var attendToItem: (_ item: Int, _ thread: Int) -> Void = {
    [unowned self] item, thread in attend(to: item, of: call!, thread: thread)
  }

  /// What a plan of a reduction follows from.
  private struct Reduction: Hashable {
    let queries: Int
    let rows: Int
    let rowBytes: Int
    let rowsOfHead: Int
    /// Of a query head; 0 where every host wants all heads.
    let headDimension: Int
  }

  /// One layer's attention, for the threads.
  private struct Call {
    let layer: LayerAttention
    let layout: KeyValueLayout
    let stateLayout: SoftmaxStateLayout
    let queries: UnsafeRawPointer
    let queryLayout: QueryLayout
    /// How many tokens' queries the arithmetic takes at once.
    let tokensPerCall: Int
    /// Parts and heads, and the items that share them out.
    let pieces: Int
    let items: Int

    var shape: AttentionShape { layout.shape }
    /// Rows of states.
    var rows: Int { queryLayout.rows }
  }

  /// One block, and who attends to it.
  private struct Part {
    let block: Int
    /// The branch that the block belongs to, or nil for a place among the blocks of the context.
    let branch: Int?
    let index: Int
    let tokens: Range<Int>
    let position: Int
    /// Nil where every token sees the whole block.
    let pattern: AttentionPattern?

    /// How many pairs of one of the tokens and a key that it sees there are.
    var visiblePairs: Int {
      guard let pattern else { return tokens.count * tokensPerBlock }
      return (position..<position + tokens.count).reduce(0) {
        $0 + pattern.visibleKeys(position: $1, block: block).count
      }
    }
  }

  /// - Parameters:
  ///   - exchange: of the plan's `bytesGiven` at least.
  ///   - context: of its blocks, those that are not partly filled are attended.
  ///   - branches: all that is behind them.
  ///   - trace: is told what its rows attend to.
  public init(
    _ plan: Plan, exchange: HostExchange, arithmetic: Arithmetic, context: KeyValueCache,
    branches: BranchCache, trace: AttentionTrace? = nil
  ) throws {
    precondition(plan.bytesGiven <= exchange.slotBytes, "the exchange has room for all states")
    self.plan = plan
    self.exchange = exchange
    self.arithmetic = arithmetic
    self.context = context
    self.branches = branches
    self.trace = trace
    var mergeOfDimension: [Int: ReductionOperation] = [:]
    merges = try context.layout.layers.map { layer in
      let dimension = layer.shape.headDimension
      let states = arithmetic.stateLayout(headDimension: dimension)
      let merge = try mergeOfDimension[dimension] ?? ReductionOperation(merging: states)
      mergeOfDimension[dimension] = merge
      return merge
    }
    memory = Buffers(plan.buffers)
    parts.reserveCapacity(branches.mostBlocks + context.blocks.count * branches.branches)
  }

  /// Attends tokens whose keys and values are in their branches already.
  ///
  /// A token's result is the same whatever is appended at once with it.
  ///
  /// - Parameters:
  ///   - queries: as `Arithmetic.queryLayout` says for so many tokens, the same on every rank.
  ///   - tokens: whose they are, without gaps; one entry a branch at most.
  ///   - wanted: which chunks of a token's output each host wants; all if nil.
  ///   - output: `[tokens][inputStride(queryHeads · headDimension)]` matrix input, the same on
  ///     every rank of a host, of which at least what is wanted is written; nil on a rank that does not
  ///     want it.
  /// - Throws: `MPIError`.
  public func attend(
    _ layer: LayerAttention, queries: UnsafeRawPointer, tokens: [BranchTokens],
    wanted: HostChunks? = nil, output: UnsafeMutableRawPointer?
  ) throws -> AttentionWork {
    let count = tokens.last?.range.upperBound ?? 0
    precondition(1...plan.capacity ~= count, "1 to \(plan.capacity) tokens are appended at once")
    listParts(of: tokens, pattern: layer.pattern)
    let call = makeCall(layer, queries: queries, tokens: count)
    attendToParts(of: call)

    var work = AttentionWork()
    let computed = ContinuousClock.now
    let layout = call.stateLayout
    let reduction = try reduction(of: call, wanted: wanted)
    try exchange.reduce(
      reduction, with: merges[layer.index], into: output == nil ? nil : memory[plan.states]
    ) {
      layout.merge(
        $0.assumingMemoryBound(to: Double.self), into: $1.assumingMemoryBound(to: Double.self))
    }
    if exchange.communicator.size > 1 { work.bytesSent = call.rows * layout.rowElements * 8 }
    work.exposedSeconds = (ContinuousClock.now - computed).seconds
    if let output { finish(call, rows: reduction.wanted[exchange.host], output: output) }
    // Every rank attends to what it owns; the sum over the ranks is what the whole sequence costs.
    work.flops = AttentionWork.flops(
      visiblePairs: parts.reduce(0) { $0 + $1.visiblePairs }, shape: call.shape)
    return work
  }

  /// The context's blocks that any token sees, then each branch's own.
  private func listParts(of tokens: [BranchTokens], pattern: AttentionPattern) {
    parts.removeAll(keepingCapacity: true)
    let positions =
      tokens.reduce(Int.max) {
        min($0, $1.position)
      }...tokens.reduce(0) { max($0, $1.lastPosition) }
    for (index, block) in context.blocks.enumerated() where block < branches.firstBlock {
      if pattern.sees(allOf: block, from: positions) {
        parts.append(
          Part(
            block: block, branch: nil, index: index, tokens: 0..<tokens.last!.range.upperBound,
            position: branches.firstBlock * tokensPerBlock, pattern: nil))
        continue
      }
      for run in tokens where pattern.block(run.position / tokensPerBlock, sees: block) {
        parts.append(
          Part(
            block: block, branch: nil, index: index, tokens: run.range, position: run.position,
            pattern: pattern))
      }
    }
    for run in tokens {
      for block in branches.blocks(run.branch, upTo: run.lastPosition / tokensPerBlock)
      where pattern.block(run.position / tokensPerBlock, sees: block)
        || block >= run.position / tokensPerBlock
      {
        parts.append(
          Part(
            block: block, branch: run.branch, index: 0, tokens: run.range, position: run.position,
            pattern: pattern))
      }
    }
  }

  private func makeCall(_ layer: LayerAttention, queries: UnsafeRawPointer, tokens: Int) -> Call {
    let layout = context.layout[layer.index]
    let pieces = parts.count * layout.shape.keyValueHeads
    return Call(
      layer: layer, layout: layout,
      stateLayout: arithmetic.stateLayout(headDimension: layout.shape.headDimension),
      queries: queries, queryLayout: arithmetic.queryLayout(layout.shape, tokens: tokens),
      // Where OpenBLAS multiplies, a token's bits would depend on those that are appended with it.
      tokensPerCall: arithmetic.multipliesPanels ? tokens : 1,
      pieces: pieces,
      // An item is a run of what lies one after the other in memory.
      items: min(
        pieces,
        Arithmetic.runs(
          bytes: parts.count * layout.blockBytes, threads: arithmetic.team.threads)))
  }

  /// Every thread attends to some of the parts, then thread 0's states take in the others'.
  private func attendToParts(of call: Call) {
    let (stateLayout, rows) = (call.stateLayout, call.rows)
    let stateRow = stateLayout.rowElements
    let threads = arithmetic.team.threads
    arithmetic.reserveAttentionScratch(
      shape: call.shape, rows: call.tokensPerCall * call.shape.groupSize)
    for thread in 0..<threads { stateLayout.clear(states(of: thread, call), count: rows) }
    self.call = call
    arithmetic.team.callForEach(call.items, attendToItem)
    guard threads > 1 else { return }
    forEachRow(of: rows) { row in
      for thread in 1..<threads {
        stateLayout.merge(
          states(of: thread, call) + row * stateRow, into: states(of: 0, call) + row * stateRow)
      }
    }
  }

  /// The first thread's become the rank's, where the other ranks read them.
  private func states(of thread: Int, _ call: Call) -> UnsafeMutablePointer<Double> {
    thread == 0
      ? exchange.part.assumingMemoryBound(to: Double.self)
      : memory[plan.states] + thread * call.rows * call.stateLayout.rowElements
  }

  /// Attends to the parts and heads of one item.
  private func attend(to item: Int, of call: Call, thread: Int) {
    let (heads, group) = (call.shape.keyValueHeads, call.shape.groupSize)
    let stateRow = call.stateLayout.rowElements
    let states = states(of: thread, call)
    for piece in call.pieces * item / call.items..<call.pieces * (item + 1) / call.items {
      let part = parts[piece / heads]
      let head = piece % heads
      let memory =
        part.branch.map {
          branches.head(head, layer: call.layer.index, branch: $0, block: part.block)
        } ?? context.head(head, layer: call.layer.index, index: part.index)
      for first in stride(from: 0, to: part.tokens.count, by: call.tokensPerCall) {
        let row = call.queryLayout.row(head: head, token: part.tokens.lowerBound + first)
        arithmetic.attend(
          QueryTile(
            rows: call.queries + call.queryLayout.offset(ofRow: row),
            count: min(call.tokensPerCall, part.tokens.count - first) * group,
            position: part.pattern == nil ? part.position : part.position + first,
            headsPerToken: group,
            sums: trace?.sums(
              layer: call.layer.index, queryHead: head * group, block: part.block,
              index: part.branch == nil ? part.index : trace!.place(ofBranchBlock: part.block),
              token: part.tokens.lowerBound + first)),
          to: memory, block: part.block, pattern: part.pattern ?? .causal, layout: call.layout,
          states: states + row * stateRow, thread: thread)
      }
    }
  }

  /// Of few rows, the calling thread does all.
  private func forEachRow(of rows: Int, _ body: (_ row: Int) -> Void) {
    let perItem = 64
    arithmetic.team.forEach((rows + perItem - 1) / perItem) { item, _ in
      for row in item * perItem..<min(rows, (item + 1) * perItem) { body(row) }
    }
  }

  /// Which rows of states each host wants: those of all KV heads whose queries' outputs are in its
  /// chunks.
  private func reduction(
    of call: Call, wanted: HostChunks?
  ) throws -> HostExchange.ReductionPlan {
    let (heads, group) = (call.shape.keyValueHeads, call.shape.groupSize)
    let rowsOfHead = call.queryLayout.tokens * group
    let key = Reduction(
      queries: call.shape.queryHeads, rows: call.rows,
      rowBytes: call.stateLayout.rowElements * 8, rowsOfHead: rowsOfHead,
      headDimension: wanted == nil ? 0 : call.shape.headDimension)
    if let known = reductions[key] { return known }
    let columnsOfHead = group * call.shape.headDimension
    let made = try exchange.reductionPlan(
      rows: call.rows, rowBytes: key.rowBytes,
      wanted: (0..<exchange.hostCount).map { host in
        guard let wanted else { return 0..<call.rows }
        let columns = wanted.inputs.inputs(of: wanted[host])
        guard !columns.isEmpty else { return 0..<0 }
        let last = min(heads, (columns.upperBound + columnsOfHead - 1) / columnsOfHead)
        return columns.lowerBound / columnsOfHead * rowsOfHead..<last * rowsOfHead
      })
    reductions[key] = made
    return made
  }

  /// Every rank has the whole sequence's states of these rows, so each merges the sinks.
  private func finish(_ call: Call, rows: Range<Int>, output: UnsafeMutableRawPointer) {
    let (stateLayout, sinks) = (call.stateLayout, call.layer.sinks)
    let (d, group) = (call.shape.headDimension, call.shape.groupSize)
    let rowsOfHead = call.queryLayout.tokens * group
    let inputBytes = arithmetic.inputType.bytes
    let outputStride = arithmetic.inputRowBytes(columns: call.shape.queryHeads * d)
    let states = memory[plan.states]
    forEachRow(of: rows.count) { index in
      let row = rows.lowerBound + index
      let (head, inHead) = row.quotientAndRemainder(dividingBy: rowsOfHead)
      let (token, inGroup) = inHead.quotientAndRemainder(dividingBy: group)
      let queryHead = head * group + inGroup
      let state = states + row * stateLayout.rowElements
      stateLayout.merge(sinks, ofHead: queryHead, into: state)
      arithmetic.finish(
        state, headDimension: d,
        into: output + token * outputStride + queryHead * d * inputBytes)
    }
  }
}
