import Kernels
import MPI
import Ranks

// A few tokens behind many whose keys and values are there: then less travels if the queries do. Keys and
// values stay where they are; after hop h, rank r holds the queries of rank r + h:
//
//   hop 0: own queries attend to the own blocks | they leave for rank r − 1, those of rank r + 1 arrive
//   hop h: those of rank r + h attend to the own blocks, and their states return to rank r + h
//   in the end: the states of a rank's queries from all ranks are merged, and o divided by l
//
// The states are those that the ring of keys and values gives, to the last bit, since the order in which
// blocks are attended and merged does not matter.
//
// Passing queries: Yang et al., "Context parallelism for scalable million-token inference",
// arXiv:2411.01783, section 3.3, where what returns is rounded.

/// Attention of tokens to each other and to those before them, where queries go round the ranks.
public final class PassedQueries {
  /// What one rank attends with, and the memory that it takes.
  public struct Plan: Sendable {
    /// `[ranks]`
    fileprivate let shares: [SequenceShare]
    fileprivate let rank: Int
    /// Of the rank's own tokens, of those that are held, whose states return while the next ones are
    /// computed, and states that come back. Rows of `SoftmaxStateLayout`, of any layer.
    fileprivate let ownStates: BufferPlan.Slot<Double>
    fileprivate let heldStates: [BufferPlan.Slot<Double>]
    fileprivate let returned: BufferPlan.Slot<Double>
    /// Queries as they arrive and leave.
    fileprivate let messages: [BufferPlan.Slot<UInt8>]
    fileprivate let buffers: BufferPlan

    /// - Parameters:
    ///   - layouts: of the layers that attend so.
    ///   - shares: `[ranks]`: whose tokens attend.
    public init(
      arithmetic: Arithmetic, layouts: [KeyValueLayout], shares: [SequenceShare], rank: Int
    ) {
      self.shares = shares
      self.rank = rank
      func states(_ tokens: Int) -> Int {
        layouts.map { arithmetic.stateBytes($0.shape, tokens: tokens) / 8 }.max() ?? 0
      }
      let own = states(shares[rank].tokenCount)
      let most = shares.count == 1 ? 0 : shares.map(\.tokenCount).max()!
      var plan = BufferPlan()
      ownStates = plan.add(own)
      heldStates = (0..<2).map { _ in plan.add(states(most)) }
      returned = plan.add(shares.count == 1 ? 0 : own)
      let message = layouts.map { arithmetic.queryLayout($0.shape, tokens: most).bytes }.max() ?? 0
      messages = (0..<2).map { _ in plan.add(message) }
      buffers = plan
    }

    public var bytes: Int { buffers.bytes }
  }

  private let plan: Plan
  private let communicator: Communicator
  private let arithmetic: Arithmetic
  private let cache: KeyValueCache
  private let memory: Buffers

  /// - Parameter cache: holds the rank's blocks; a layer's keys and values are there before it is
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

  /// Attends all of the rank's queries of one layer. Every rank calls this for the same layer, and none
  /// gives it up.
  ///
  /// - Parameters:
  ///   - queries: of all the rank's tokens, as `Arithmetic.queryLayout` says of the layer's shape.
  ///   - output: `[tokens][inputStride(queryHeads · headDimension)]` matrix input.
  ///   - onSpan: told of computation and of waiting, for the timeline.
  ///   - onProgress: told, by the calling thread, which part of the work is done: 0…1.
  /// - Throws: `MPIError`.
  public func attend(
    _ layer: LayerAttention, queries: UnsafeRawPointer, output: UnsafeMutableRawPointer,
    onSpan: SpanHandler? = nil, onProgress: ((Double) -> Void)? = nil
  ) throws -> AttentionWork {
    let (rank, ranks) = (communicator.rank, communicator.size)
    let layout = cache.layout[layer.index]
    func tiles(
      of source: Int, _ queries: UnsafeRawPointer, _ states: UnsafeMutablePointer<Double>
    ) -> TileAttention {
      TileAttention(
        layer, layout, of: plan.shares[source], queries: queries, states: states, arithmetic)
    }
    let own = tiles(of: rank, queries, memory[plan.ownStates])
    // Queries on their way round, and states that return.
    let (passed, returning) = (RingExchange(communicator), RingExchange(communicator))
    let shape = layout.shape
    var work = AttentionWork()
    var held = queries
    for hop in 0..<ranks {
      try WorkLocation.within("hop", hop + 1) {
        let source = (rank + hop) % ranks
        let next = memory[raw: plan.messages[hop % 2]]
        if hop + 1 < ranks {
          try passed.start(
            sending: UnsafeRawBufferPointer(start: held, count: queryBytes(source, shape)),
            to: (rank + ranks - 1) % ranks,
            receiving: UnsafeMutableRawBufferPointer(
              start: next, count: queryBytes((source + 1) % ranks, shape)),
            from: (rank + 1) % ranks, tag: hop)
        }
        let states = hop == 0 ? own.states : memory[plan.heldStates[hop % 2]]
        let began = ContinuousClock.now
        tiles(of: source, held, states).attend(
          to: cache.blocks, isFirst: true, output: nil, arithmetic,
          during: TileAttention.Meanwhile(
            stop: nil,
            poll: { [communicator] in
              passed.poll()
              returning.poll()
              communicator.tick()
            }, onProgress: { onProgress?((Double(hop) + $0) / Double(ranks)) })
        ) { [cache] index, head in
          UnsafeRawPointer(cache.head(head, layer: layer.index, index: index))
        }
        let computed = ContinuousClock.now
        onSpan?("attention", began, computed)
        try passed.finish()
        if hop > 1 { try merge(returning, into: own) }
        if hop > 0 {
          try returning.start(
            sending: UnsafeRawBufferPointer(start: states, count: stateBytes(source, shape)),
            to: source,
            receiving: UnsafeMutableRawBufferPointer(
              start: memory[plan.returned], count: stateBytes(rank, shape)),
            from: (rank + ranks - hop) % ranks, tag: hop)
        }
        if ranks > 1 { onSpan?("wait", computed, .now) }
        work.exposedSeconds += (ContinuousClock.now - computed).seconds
        held = UnsafeRawPointer(next)
      }
    }
    let began = ContinuousClock.now
    if ranks > 1 { try merge(returning, into: own) }
    work.exposedSeconds += (ContinuousClock.now - began).seconds
    own.finish(into: output, arithmetic)
    work.bytesSent = passed.bytesSent + returning.bytesSent
    work.flops = AttentionWork.flops(
      visiblePairs: plan.shares[rank].visiblePairs(layer.pattern), shape: shape)
    return work
  }

  private func queryBytes(_ source: Int, _ shape: AttentionShape) -> Int {
    arithmetic.queryLayout(shape, tokens: plan.shares[source].tokenCount).bytes
  }

  private func stateBytes(_ source: Int, _ shape: AttentionShape) -> Int {
    arithmetic.stateBytes(shape, tokens: plan.shares[source].tokenCount)
  }

  /// Adds what another rank's blocks have given this rank's queries.
  private func merge(_ returning: RingExchange, into own: TileAttention) throws {
    try returning.finish()
    let (layout, returned) = (own.stateLayout, memory[plan.returned])
    let (rows, rowsPerItem) = (own.queryLayout.rows, 64)
    arithmetic.team.forEach((rows + rowsPerItem - 1) / rowsPerItem) { item, _ in
      for row in item * rowsPerItem..<min(rows, (item + 1) * rowsPerItem) {
        let offset = row * layout.rowElements
        layout.merge(returned + offset, into: own.states + offset)
      }
    }
  }
}
