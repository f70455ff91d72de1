import Kernels
import MPI

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
  private let communicator: Communicator
  private let arithmetic: Arithmetic
  private let shape: AttentionShape
  private let share: SequenceShare
  private let cache: KeyValueCache
  private let tiles: [Tile]
  /// `[keyValueHeads][tokens][groupSize]` rows of `SoftmaxStateLayout`.
  private let states: AlignedBuffer<Double>
  /// Two of one layer's largest message each.
  private let messages: [MessageBuffer]
  private let schedules: [(mask: AttentionMask, schedule: RingSchedule)]
  /// Hops begun, counted from the first hop of the first layer: the same number on two ranks is the
  /// same hop.
  private var hopsBegun = 0
  /// The messages of the hop that is under way.
  private var exchange: RingExchange?

  /// - Parameters:
  ///   - cache: holds the rank's blocks of `partition`; a layer's keys and values are there before
  ///     it is attended.
  ///   - masks: every mask that a layer will use.
  public init(
    communicator: Communicator, arithmetic: Arithmetic, cache: KeyValueCache,
    partition: SequencePartition, sequenceTokens: Int, masks: [AttentionMask]
  ) {
    self.communicator = communicator
    self.arithmetic = arithmetic
    self.cache = cache
    shape = cache.layout.shape
    share = SequenceShare(
      partition: partition, rank: communicator.rank, sequenceTokens: sequenceTokens)
    tiles = Tile.all(of: share, tokensPerTile: arithmetic.tokensPerTile(shape))
    states = AlignedBuffer(
      count: share.tokenCount * shape.queryHeads
        * arithmetic.stateLayout(headDimension: shape.headDimension).rowElements)
    schedules = masks.map { ($0, RingSchedule(partition: partition, mask: $0)) }
    let largest =
      schedules.map { $0.schedule.largestMessage(to: communicator.rank) }.max() ?? 0
    messages = (0..<2).map { _ in MessageBuffer(bytes: largest * cache.layout.blockBytes) }
  }

  /// Bytes that this holds besides the cache: states and two message buffers.
  public var bytes: Int {
    states.bytes + messages.reduce(0) { $0 + $1.memory.bytes }
  }

  /// Attends all of the rank's queries of one layer. Every rank calls this for the same layer.
  ///
  /// - Parameters:
  ///   - queries: `[keyValueHeads][tokens][groupSize][paddedHeadDimension]` matrix input.
  ///   - output: `[tokens][inputStride(queryHeads · headDimension)]` matrix input.
  ///   - onSpan: told of computation and of waiting, for the timeline.
  ///   - stop: may give up the layer on the way; then `drain` must be called before the ring is
  ///     used again.
  ///   - onProgress: told, by the calling thread, which part of the work is done: 0…1.
  /// - Returns: nil where the layer was given up.
  /// - Throws: `MPIError`.
  public func attend(
    layer: Int, mask: AttentionMask, queries: UnsafeRawPointer,
    output: UnsafeMutableRawPointer, stop: PrefillStop?, onSpan: SpanHandler? = nil,
    onProgress: ((Double) -> Void)? = nil
  ) throws -> AttentionWork? {
    let schedule = schedule(of: mask)
    let exchange = RingExchange(communicator: communicator)
    self.exchange = exchange
    let blockBytes = cache.layout.blockBytes
    let ranks = communicator.size
    var work = AttentionWork()
    work.flops = AttentionWork.flops(
      positions: (0..<share.tokenCount).lazy.map { self.share.position(ofToken: $0) },
      shape: shape, mask: mask)
    var base = UnsafeRawPointer(cache.base(layer: layer))
    var blocks = share.blocks
    arithmetic.reserveAttentionScratch(
      shape: shape, rows: arithmetic.tokensPerTile(shape) * shape.groupSize)

    for hop in 0..<ranks {
      // After the last hop there is nothing to send and nothing to receive.
      let (sent, received) = schedule.messages(at: communicator.rank, hop: hop)
      let memory = UnsafeMutableRawPointer(messages[hop % 2].memory.pointer)
      communicator.place.part = ("layer", layer + 1)
      communicator.place.detail = ("hop", hop + 1)
      hopsBegun = layer * ranks + hop + 1
      try exchange.start(
        sending: sent, of: base, receiving: received, into: memory, blockBytes: blockBytes, hop: hop
      )

      let began = ContinuousClock.now
      attend(
        to: blocks, at: base, mask: mask, queries: queries, output: output, isFirst: hop == 0,
        isLast: hop + 1 == ranks, exchange: exchange, stop: stop
      ) { onProgress?((Double(hop) + $0) / Double(ranks)) }
      let computed = ContinuousClock.now
      onSpan?("attention", began, computed)
      guard try exchange.finish(stop), stop?.abandons != true else { return nil }
      let arrived = ContinuousClock.now
      if ranks > 1 { onSpan?("wait", computed, arrived) }
      // The message itself overlaps the computation.
      if received > 0 { onSpan?("message", began, arrived) }
      work.exposedSeconds += (arrived - computed).seconds
      base = UnsafeRawPointer(memory)
      blocks = schedule.blocks(
        of: schedule.source(at: communicator.rank, hop: hop + 1), atHop: hop + 1)
    }
    work.bytesSent = exchange.bytesSent
    self.exchange = nil
    return work
  }

  /// The same, for a layer that nothing stops.
  ///
  /// - Throws: `MPIError`.
  public func attend(
    layer: Int, mask: AttentionMask, queries: UnsafeRawPointer,
    output: UnsafeMutableRawPointer, onSpan: SpanHandler? = nil,
    onProgress: ((Double) -> Void)? = nil
  ) throws -> AttentionWork {
    try attend(
      layer: layer, mask: mask, queries: queries, output: output, stop: nil, onSpan: onSpan,
      onProgress: onProgress)!
  }

  private func schedule(of mask: AttentionMask) -> RingSchedule {
    guard let schedule = schedules.first(where: { $0.mask == mask })?.schedule else {
      preconditionFailure("the mask was not announced")
    }
    return schedule
  }

  /// Clears the ring of the messages of layers that were given up, some of which were sent to ranks
  /// that never came to receive them. Every rank calls this, also one that gave up nothing.
  ///
  /// - Parameters:
  ///   - firstLayer: the first that this prefill attended, the same on every rank.
  ///   - masks: of all layers.
  /// - Throws: `MPIError`.
  public func drain(firstLayer: Int, masks: [AttentionMask]) throws {
    let (rank, ranks) = (communicator.rank, communicator.size)
    let begun = max(hopsBegun, firstLayer * ranks)
    // Messages come from the next rank, which sent those of the hops that it began.
    let sent = try communicator.allGather(value: begun)[(rank + 1) % ranks]
    try exchange?.drainReceive(isSent: sent >= begun)
    let memory = UnsafeMutableRawPointer(messages[(begun + ranks - 1) % ranks % 2].memory.pointer)
    for hop in begun..<max(begun, sent) {
      let schedule = schedule(of: masks[hop / ranks])
      let late = RingExchange(communicator: communicator)
      try late.start(
        sending: [], of: memory,
        receiving: schedule.messages(at: rank, hop: hop % ranks).received, into: memory,
        blockBytes: cache.layout.blockBytes, hop: hop % ranks)
      try late.finish()
    }
    try exchange?.finish()
    exchange = nil
  }

  /// One hop's computation: every tile and KV head is a work item, the most expensive tiles first.
  private func attend(
    to blocks: [Int], at base: UnsafeRawPointer, mask: AttentionMask, queries: UnsafeRawPointer,
    output: UnsafeMutableRawPointer, isFirst: Bool, isLast: Bool, exchange: RingExchange,
    stop: PrefillStop?, onProgress: (Double) -> Void
  ) {
    let layout = cache.layout
    let d = shape.headDimension
    let group = shape.groupSize
    let heads = shape.keyValueHeads
    let inputBytes = arithmetic.inputType.bytes
    let stateLayout = arithmetic.stateLayout(headDimension: d)
    let stateRow = stateLayout.rowElements
    let outputStride = Arithmetic.inputStride(columns: shape.queryHeads * d) * inputBytes
    let tokens = share.tokenCount
    let states = states.pointer
    let poll = { [communicator] in
      exchange.poll()
      stop?.poll()
      communicator.tick()
    }
    blocks.withUnsafeBufferPointer { blocks in
      tiles.withUnsafeBufferPointer { tiles in
        arithmetic.team.forEach(
          tiles.count * heads, betweenItems: poll
        ) { item, thread in
          if stop?.abandons == true { return }
          if thread == 0 { onProgress(Double(item) / Double(tiles.count * heads)) }
          let tile = tiles[tiles.count - 1 - item / heads]
          let head = item % heads
          let firstRow = (head * tokens + tile.token) * group
          let rows = tile.tokens * group
          let tileStates = states + firstRow * stateRow
          if isFirst { stateLayout.clear(tileStates, count: rows) }
          let query = QueryTile(
            rows: queries + firstRow * shape.paddedHeadDimension * inputBytes, count: rows,
            position: tile.position,
            headsPerToken: group)
          let visible = { mask.block(tile.position / tokensPerBlock, sees: blocks[$0]) }
          var index = blocks.indices.first(where: visible)
          while let current = index {
            let next = blocks[(current + 1)...].indices.first(where: visible)
            func keysAndValues(_ index: Int) -> UnsafeRawPointer {
              base + index * layout.blockBytes + head * layout.headBytes
            }
            arithmetic.attend(
              query, to: keysAndValues(current), next: next.map(keysAndValues),
              block: blocks[current], mask: mask, layout: layout, states: tileStates, thread: thread
            )
            if thread == 0 { poll() }
            if stop?.abandons == true { return }
            index = next
          }
          guard isLast else { return }
          for row in 0..<rows {
            let column = (head * group + row % group) * d * inputBytes
            arithmetic.finish(
              tileStates + row * stateRow, headDimension: d,
              into: output + (tile.token + row / group) * outputStride + column)
          }
        }
      }
    }
  }
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
      let tokens = share.tokenCount(ofBlock: block)
      return stride(from: 0, to: tokens, by: tokensPerTile).map { first in
        Tile(
          token: block * tokensPerBlock + first,
          position: share.blocks[block] * tokensPerBlock + first,
          tokens: min(tokensPerTile, tokens - first))
      }
    }
  }
}

private final class MessageBuffer {
  let memory: AlignedBuffer<UInt8>

  init(bytes: Int) { memory = AlignedBuffer(count: bytes) }
}
