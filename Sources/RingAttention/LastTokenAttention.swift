import Kernels
import MPI

// In the last layer of a prefill, often one token alone attends: the context's last. Then no block has
// to travel. The token's query goes to all ranks, each attends to the blocks that it owns, and one
// reduction merges the states, which are those of the ring to the last bit, since neither the order of
// blocks matters nor which other rows a tile has.

/// Attention of a context's last token to all tokens, in one layer of a prefill.
public final class LastTokenAttention {
  /// The memory that it takes.
  public struct Plan: Sendable {
    /// `[threads][queryHeads]` rows of `SoftmaxStateLayout`, of any layer.
    fileprivate let states: BufferPlan.Slot<Double>
    fileprivate let buffers: BufferPlan

    /// - Parameter layout: of the layer that attends so.
    public init(arithmetic: Arithmetic, layout: KeyValueLayout) {
      var plan = BufferPlan()
      states = plan.add(
        arithmetic.team.threads, layout.shape.queryHeads,
        arithmetic.stateLayout(headDimension: layout.shape.headDimension).rowElements)
      buffers = plan
    }

    public var bytes: Int { buffers.bytes }
  }

  private let plan: Plan
  private let communicator: Communicator
  private let arithmetic: Arithmetic
  private let cache: KeyValueCache
  private let memory: Buffers

  /// - Parameter cache: holds the rank's blocks; the layer's keys and values are there before it is
  ///   attended.
  public init(
    _ plan: Plan, communicator: Communicator, arithmetic: Arithmetic, cache: KeyValueCache
  ) {
    self.plan = plan
    self.communicator = communicator
    self.arithmetic = arithmetic
    self.cache = cache
    memory = Buffers(plan.buffers)
  }

  /// Attends the token. Every rank calls this, also one without blocks.
  ///
  /// - Parameters:
  ///   - position: the token's in the sequence, whose end it is.
  ///   - owner: the rank that has the query and gets the output.
  ///   - query: as `Arithmetic.queryLayout` says for one token; written on the other ranks.
  ///   - output: on the owner, takes `[inputStride(queryHeads · headDimension)]` matrix input.
  ///   - onSpan: told of computation and of waiting, for the timeline.
  /// - Throws: `MPIError`.
  public func attend(
    _ layer: LayerAttention, position: Int, owner: Int, query: UnsafeMutableRawPointer,
    output: UnsafeMutableRawPointer, onSpan: SpanHandler? = nil
  ) throws -> AttentionWork {
    let layout = cache.layout[layer.index]
    let stateLayout = arithmetic.stateLayout(headDimension: layout.shape.headDimension)
    let queryLayout = arithmetic.queryLayout(layout.shape, tokens: 1)
    let merge = try ReductionOperation(merging: stateLayout)
    let ranks = communicator.size
    var work = AttentionWork()
    func exchange(_ body: () throws -> Void) throws {
      guard ranks > 1 else { return }
      let began = ContinuousClock.now
      try body()
      let ended = ContinuousClock.now
      work.exposedSeconds += (ended - began).seconds
      onSpan?("wait", began, ended)
    }

    try exchange {
      try communicator.broadcast(
        bytes: UnsafeMutableRawBufferPointer(start: query, count: queryLayout.tokenBytes),
        from: owner)
    }
    let began = ContinuousClock.now
    let keys = attendToOwnBlocks(
      layer, layout, query: UnsafeRawPointer(query), queryLayout, position: position)
    onSpan?("attention", began, .now)
    let states = UnsafeMutableRawBufferPointer(
      start: memory[plan.states], count: queryLayout.rows * stateLayout.rowElements * 8)
    try exchange { try communicator.allReduce(elements: states, with: merge) }
    if ranks > 1 {
      work.bytesSent = states.count + (communicator.rank == owner ? queryLayout.tokenBytes : 0)
    }
    if communicator.rank == owner { finish(layer, layout, output: output) }
    work.flops = AttentionWork.flops(visiblePairs: keys, shape: layout.shape)
    return work
  }

  /// Makes the first thread's states those of all keys that this rank has and the token sees.
  ///
  /// - Returns: how many these are.
  private func attendToOwnBlocks(
    _ layer: LayerAttention, _ layout: KeyValueLayout, query: UnsafeRawPointer,
    _ queryLayout: QueryLayout, position: Int
  ) -> Int {
    let (shape, pattern) = (layout.shape, layer.pattern)
    let (heads, group) = (shape.keyValueHeads, shape.groupSize)
    let stateLayout = arithmetic.stateLayout(headDimension: shape.headDimension)
    let (rows, stateRow) = (queryLayout.rows, stateLayout.rowElements)
    let states = memory[plan.states]
    let seen = cache.blocks.indices.filter {
      pattern.block(position / tokensPerBlock, sees: cache.blocks[$0])
    }
    arithmetic.reserveAttentionScratch(shape: shape, rows: group)
    stateLayout.clear(states, count: arithmetic.team.threads * rows)
    let tick = { [communicator] in communicator.tick() }
    // A block's heads lie one after the other, so an item reads one run of memory.
    arithmetic.team.forEach(seen.count, betweenItems: tick) { item, thread in
      let index = seen[item]
      for head in 0..<heads {
        let row = queryLayout.row(head: head, token: 0)
        arithmetic.attend(
          QueryTile(
            rows: query + queryLayout.offset(ofRow: row), count: group, position: position,
            headsPerToken: group),
          to: cache.head(head, layer: layer.index, index: index), block: cache.blocks[index],
          pattern: pattern, layout: layout, states: states + (thread * rows + row) * stateRow,
          thread: thread)
      }
    }
    for thread in 1..<max(1, arithmetic.team.threads) {
      for row in 0..<rows {
        stateLayout.merge(
          states + (thread * rows + row) * stateRow, into: states + row * stateRow)
      }
    }
    return seen.reduce(0) {
      $0 + pattern.visibleKeys(position: position, block: cache.blocks[$1]).count
    }
  }

  /// o / l of every head, its sink merged.
  private func finish(
    _ layer: LayerAttention, _ layout: KeyValueLayout, output: UnsafeMutableRawPointer
  ) {
    let shape = layout.shape
    let stateLayout = arithmetic.stateLayout(headDimension: shape.headDimension)
    let headBytes = shape.headDimension * arithmetic.inputType.bytes
    for head in 0..<shape.queryHeads {
      let state = memory[plan.states] + head * stateLayout.rowElements
      stateLayout.merge(layer.sinks, ofHead: head, into: state)
      arithmetic.finish(
        state, headDimension: shape.headDimension, into: output + head * headBytes)
    }
  }
}
