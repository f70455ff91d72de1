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
    /// `[layers]`: nil of one that attends otherwise.
    fileprivate let patterns: [AttentionPattern?]
    /// `[keyValueHeads][tokens][groupSize]` rows of `SoftmaxStateLayout`, of any layer.
    fileprivate let states: BufferPlan.Slot<Double>
    /// The largest message of any layer each.
    fileprivate let messages: [BufferPlan.Slot<UInt8>]
    fileprivate let buffers: BufferPlan

    /// - Parameters:
    ///   - schedules: for every pattern that a layer has.
    ///   - layers: the pattern of each; nil of one that attends otherwise.
    public init(
      arithmetic: Arithmetic, cache: KeyValueCache.Plan, schedules: RingSchedules,
      layers patterns: [AttentionPattern?], share: SequenceShare, rank: Int
    ) {
      self.share = share
      self.rank = rank
      self.schedules = schedules
      self.patterns = patterns
      let layers = zip(cache.layout.layers, patterns).compactMap { layout, pattern in
        pattern.map { (layout: layout, pattern: $0) }
      }
      var plan = BufferPlan()
      states = plan.add(
        layers.map { arithmetic.stateBytes($0.layout.shape, tokens: share.tokenCount) / 8 }.max()
          ?? 0)
      let blocks = schedules.largestMessages(to: rank)
      let message = layers.map { blocks[$0.pattern]! * $0.layout.blockBytes }.max() ?? 0
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
    let exchange = RingExchange(communicator)
    self.exchange = exchange
    let layout = cache.layout[layer.index]
    var pass = LayerPass(
      layer: layer, layout: layout,
      tiles: TileAttention(
        layer, layout, of: plan.share, queries: queries, states: memory[plan.states], arithmetic),
      output: output, schedule: plan.schedules[layer.pattern],
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
      guard let pattern = plan.patterns[hop / ranks] else { continue }
      let schedule = plan.schedules[pattern]
      let late = RingExchange(communicator)
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
    hop: Int, of pass: inout LayerPass, onSpan: SpanHandler?, onProgress: @escaping (Double) -> Void
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

  /// A hop's computation.
  private func attendToBlocks(
    of pass: LayerPass, isFirst: Bool, isLast: Bool, onProgress: @escaping (Double) -> Void
  ) {
    let (base, layout, stop) = (pass.base, pass.layout, pass.stop)
    let poll = { [communicator, exchange = pass.exchange] in
      exchange.poll()
      stop?.poll()
      communicator.tick()
    }
    pass.tiles.attend(
      to: pass.blocks, isFirst: isFirst, output: isLast ? pass.output : nil, arithmetic,
      during: TileAttention.Meanwhile(stop: stop, poll: poll, onProgress: onProgress)
    ) { index, head in base + index * layout.blockBytes + head * layout.headBytes }
  }
}

/// One layer on its way round the ring.
private struct LayerPass {
  let layer: LayerAttention
  let layout: KeyValueLayout
  /// Of all the rank's tokens.
  let tiles: TileAttention
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
