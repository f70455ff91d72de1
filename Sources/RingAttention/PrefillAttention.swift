import Kernels
import MPI
import Ranks

// Ring attention (Liu, Zaharia and Abbeel 2023) with exact merging. After hop h, rank r holds the
// blocks of rank r + h:
//
//   hop 0: attend to the own blocks       | they leave for rank r − 1, those of rank r + 1 arrive
//   hop 1: attend to those of rank r + 1  | they leave for rank r − 1, those of rank r + 2 arrive
//   …
//   hop P − 1: attend to those of rank r − 1, and divide o by l
//
// The state of every query row stays in memory between hops, since the order of blocks does not
// matter to the last bit.

/// Attention of a context's tokens to each other, for one rank of a ring; used for all layers of
/// one prefill.
public final class PrefillAttention {
  /// What one rank attends with, and the memory that it takes.
  public struct Plan: Sendable {
    fileprivate let share: SequenceShare
    fileprivate let rank: Int
    fileprivate let schedules: RingSchedules
    /// `[layers]`
    fileprivate let patterns: [AttentionPattern]
    /// `[keyValueHeads][tokens][groupSize]` rows of `SoftmaxStateLayout`, of any layer.
    fileprivate let states: BufferPlan.Slot<Double>
    /// The largest message of any layer each.
    fileprivate let messages: [BufferPlan.Slot<UInt8>]
    fileprivate let buffers: BufferPlan

    /// - Parameters:
    ///   - schedules: for every pattern that a layer has.
    ///   - patterns: `[layers]`
    public init(
      arithmetic: Arithmetic, cache: KeyValueCache.Plan, schedules: RingSchedules,
      patterns: [AttentionPattern], share: SequenceShare, rank: Int
    ) {
      self.share = share
      self.rank = rank
      self.schedules = schedules
      self.patterns = patterns
      let layers = cache.layout.layers
      var plan = BufferPlan()
      states = plan.add(
        layers.map { layout in
          arithmetic.queryLayout(layout.shape, tokens: share.tokenCount).rows
            * arithmetic.stateLayout(headDimension: layout.shape.headDimension).rowElements
        }.max()!)
      let blocks = schedules.largestMessages(to: rank)
      let message = zip(layers, patterns).map { blocks[$1]! * $0.blockBytes }.max()!
      messages = (0..<2).map { _ in plan.add(message) }
      buffers = plan
    }

    /// Bytes of states and two message buffers.
    public var bytes: Int { buffers.bytes }
  }

  private let plan: Plan
  private let communicator: Communicator
  private let arithmetic: Arithmetic
  private let cache: KeyValueCache
  /// Pairs of one of the rank's tokens and a key that it sees, by pattern.
  private let visiblePairs: [AttentionPattern: Int]
  private let memory: Buffers
  /// Hops begun, counted from the first hop of the first layer: the same number on two ranks is the
  /// same hop.
  private var hopsBegun = 0
  /// The messages of the hop that is under way.
  private var exchange: RingExchange?

  /// - Parameter cache: holds the rank's blocks; a layer's keys and values are there before it is
  ///   attended.
  public init(
    _ plan: Plan, communicator: Communicator, arithmetic: Arithmetic, cache: KeyValueCache
  ) {
    self.plan = plan
    self.communicator = communicator
    self.arithmetic = arithmetic
    self.cache = cache
    visiblePairs = plan.schedules.patterns.reduce(into: [:]) { pairs, pattern in
      pairs[pattern] = plan.share.visiblePairs(pattern)
    }
    memory = Buffers(plan.buffers)
  }

  /// Attends all of the rank's queries of one layer. Every rank calls this for the same layer.
  ///
  /// - Parameters:
  ///   - layer: with a pattern of the plan's schedules.
  ///   - queries: of all the rank's tokens, as `Arithmetic.queryLayout` says of the layer's shape.
  ///   - output: `[tokens][inputStride(queryHeads · headDimension)]` matrix input.
  ///   - onSpan: told of computation and of waiting, for the timeline.
  ///   - stop: may give up the layer on the way; then `drain` must be called before the ring is
  ///     used again.
  ///   - onProgress: told, by the calling thread, which part of the work is done: 0…1.
  /// - Returns: nil where the layer was given up.
  /// - Throws: `MPIError`.
  public func attend(
    _ layer: LayerAttention, queries: UnsafeRawPointer, output: UnsafeMutableRawPointer,
    stop: PrefillStop?, onSpan: SpanHandler? = nil, onProgress: ((Double) -> Void)? = nil
  ) throws -> AttentionWork? {
    let exchange = RingExchange(communicator: communicator)
    self.exchange = exchange
    let layout = cache.layout[layer.index]
    let tokensPerTile = arithmetic.tokensPerTile(layout.shape)
    arithmetic.reserveAttentionScratch(
      shape: layout.shape, rows: tokensPerTile * layout.shape.groupSize)
    var pass = LayerPass(
      layer: layer, layout: layout, tiles: Tile.all(of: plan.share, tokensPerTile: tokensPerTile),
      queries: queries, output: output, schedule: plan.schedules[layer.pattern],
      exchange: exchange, stop: stop, base: UnsafeRawPointer(cache.base(layer: layer.index)),
      blocks: cache.blocks)
    pass.work.flops = AttentionWork.flops(
      visiblePairs: visiblePairs[layer.pattern]!, shape: layout.shape)
    let ranks = communicator.size
    for hop in 0..<ranks {
      let isDone = try WorkLocation.within("hop", hop + 1) {
        try attend(hop: hop, of: &pass, onSpan: onSpan) {
          onProgress?((Double(hop) + $0) / Double(ranks))
        }
      }
      guard isDone else { return nil }
    }
    pass.work.bytesSent = exchange.bytesSent
    self.exchange = nil
    return pass.work
  }

  /// The same, for a layer that nothing stops.
  ///
  /// - Throws: `MPIError`.
  public func attend(
    _ layer: LayerAttention, queries: UnsafeRawPointer, output: UnsafeMutableRawPointer,
    onSpan: SpanHandler? = nil, onProgress: ((Double) -> Void)? = nil
  ) throws -> AttentionWork {
    try attend(
      layer, queries: queries, output: output, stop: nil, onSpan: onSpan, onProgress: onProgress)!
  }

  /// Clears the ring of the messages of layers that were given up, some of which were sent to ranks
  /// that never came to receive them. Every rank calls this, also one that gave up nothing.
  ///
  /// - Parameter firstLayer: the first that this prefill attended, the same on every rank.
  /// - Throws: `MPIError`.
  public func drain(firstLayer: Int) throws {
    let (rank, ranks) = (communicator.rank, communicator.size)
    let begun = max(hopsBegun, firstLayer * ranks)
    // Messages come from the next rank, which sent those of the hops that it began.
    let sent = try communicator.allGather(value: begun)[(rank + 1) % ranks]
    try exchange?.drainReceive(isSent: sent >= begun)
    let message = memory[raw: plan.messages[(begun + ranks - 1) % ranks % 2]]
    for hop in begun..<max(begun, sent) {
      let schedule = plan.schedules[plan.patterns[hop / ranks]]
      let late = RingExchange(communicator: communicator)
      try late.start(
        sending: [], of: message,
        receiving: schedule.messages(at: rank, hop: hop % ranks).received, into: message,
        blockBytes: cache.layout[hop / ranks].blockBytes, hop: hop % ranks)
      try late.finish()
    }
    try exchange?.finish()
    exchange = nil
    // A rank that still has a receive to cancel must not find the first message of what comes next.
    try communicator.barrier()
  }

  /// One hop: attends to the blocks at hand while they leave and the next ones arrive.
  ///
  /// - Returns: false where the layer is given up.
  private func attend(
    hop: Int, of pass: inout LayerPass, onSpan: SpanHandler?, onProgress: (Double) -> Void
  ) throws -> Bool {
    let ranks = communicator.size
    // After the last hop there is nothing to send and nothing to receive.
    let (sent, received) = pass.schedule.messages(at: communicator.rank, hop: hop)
    let message = memory[raw: plan.messages[hop % 2]]
    hopsBegun = pass.layer.index * ranks + hop + 1
    try pass.exchange.start(
      sending: sent, of: pass.base, receiving: received, into: message,
      blockBytes: pass.layout.blockBytes, hop: hop)

    let began = ContinuousClock.now
    attendToBlocks(of: pass, isFirst: hop == 0, isLast: hop + 1 == ranks, onProgress: onProgress)
    let computed = ContinuousClock.now
    onSpan?("attention", began, computed)
    guard try pass.exchange.finish(pass.stop), pass.stop?.abandonsLayer != true else {
      return false
    }
    let arrived = ContinuousClock.now
    if ranks > 1 { onSpan?("wait", computed, arrived) }
    // The message itself overlaps the computation.
    if received > 0 { onSpan?("message", began, arrived) }
    pass.work.exposedSeconds += (arrived - computed).seconds
    pass.base = UnsafeRawPointer(message)
    pass.blocks = pass.schedule.blocks(
      of: pass.schedule.source(at: communicator.rank, hop: hop + 1), atHop: hop + 1)
    return true
  }

  /// A hop's computation: every tile and KV head is a work item, the most expensive tiles first.
  private func attendToBlocks(
    of pass: LayerPass, isFirst: Bool, isLast: Bool, onProgress: (Double) -> Void
  ) {
    let (pattern, base, stop) = (pass.layer.pattern, pass.base, pass.stop)
    let layout = pass.layout
    let shape = layout.shape
    let d = shape.headDimension
    let group = shape.groupSize
    let heads = shape.keyValueHeads
    let inputBytes = arithmetic.inputType.bytes
    let stateLayout = arithmetic.stateLayout(headDimension: d)
    let stateRow = stateLayout.rowElements
    let outputStride = arithmetic.inputRowBytes(columns: shape.queryHeads * d)
    let queryLayout = arithmetic.queryLayout(shape, tokens: plan.share.tokenCount)
    let states = memory[plan.states]
    let poll = { [communicator, exchange = pass.exchange] in
      exchange.poll()
      stop?.poll()
      communicator.tick()
    }
    pass.blocks.withUnsafeBufferPointer { blocks in
      pass.tiles.withUnsafeBufferPointer { tiles in
        arithmetic.team.forEach(
          tiles.count * heads, betweenItems: poll
        ) { item, thread in
          if stop?.abandonsLayer == true { return }
          if thread == 0 { onProgress(Double(item) / Double(tiles.count * heads)) }
          let tile = tiles[tiles.count - 1 - item / heads]
          let head = item % heads
          let firstRow = queryLayout.row(head: head, token: tile.token)
          let rows = tile.tokens * group
          let tileStates = states + firstRow * stateRow
          if isFirst { stateLayout.clear(tileStates, count: rows) }
          let query = QueryTile(
            rows: pass.queries + queryLayout.offset(ofRow: firstRow), count: rows,
            position: tile.position,
            headsPerToken: group)
          let visible = { pattern.block(tile.position / tokensPerBlock, sees: blocks[$0]) }
          var index = blocks.indices.first(where: visible)
          while let current = index {
            let next = blocks[(current + 1)...].indices.first(where: visible)
            func keysAndValues(_ index: Int) -> UnsafeRawPointer {
              base + index * layout.blockBytes + head * layout.headBytes
            }
            arithmetic.attend(
              query, to: keysAndValues(current), next: next.map(keysAndValues),
              block: blocks[current], pattern: pattern, layout: layout, states: tileStates,
              thread: thread
            )
            if thread == 0 { poll() }
            if stop?.abandonsLayer == true { return }
            index = next
          }
          guard isLast else { return }
          for row in 0..<rows {
            let queryHead = head * group + row % group
            let state = tileStates + row * stateRow
            stateLayout.merge(pass.layer.sinks, ofHead: queryHead, into: state)
            arithmetic.finish(
              state, headDimension: d,
              into: pass.output + (tile.token + row / group) * outputStride
                + queryHead * d * inputBytes)
          }
        }
      }
    }
  }
}

/// One layer on its way round the ring.
private struct LayerPass {
  let layer: LayerAttention
  let layout: KeyValueLayout
  /// Of all the rank's tokens.
  let tiles: [Tile]
  /// As in `QueryLayout`.
  let queries: UnsafeRawPointer
  /// `[tokens][inputStride(queryHeads · headDimension)]` matrix input.
  let output: UnsafeMutableRawPointer
  let schedule: RingSchedule
  let exchange: RingExchange
  let stop: PrefillStop?
  /// The KV blocks at hand, `[blocks][blockBytes]`, and their numbers.
  var base: UnsafeRawPointer
  var blocks: [Int]
  var work = AttentionWork()
}

/// Neighbouring tokens of one block that are attended together.
private struct Tile {
  /// Place of the first among the rank's tokens, and its global position.
  let token: Int
  let position: Int
  let tokens: Int

  /// All tiles of a rank, in ascending order, aligned to the sequence as blocks are.
  static func all(of share: SequenceShare, tokensPerTile: Int) -> [Tile] {
    share.blocks.indices.flatMap { block in
      let tokens = share.tokens(ofBlock: block)
      let first = share.position(ofToken: tokens.lowerBound)
      let end = first + tokens.count
      return stride(from: first / tokensPerTile * tokensPerTile, to: end, by: tokensPerTile).map {
        let position = max(first, $0)
        return Tile(
          token: tokens.lowerBound + position - first, position: position,
          tokens: min($0 + tokensPerTile, end) - position)
      }
    }
  }
}
