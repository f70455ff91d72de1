import Kernels
import MPI
import RingAttention

/// One attention layer with random contents, shared out over the ranks by zigzag.
final class RandomAttentionLayer {
  /// What one rank's layer takes.
  private struct Plan {
    let share: SequenceShare
    let cache: KeyValueCache.Plan
    let schedule: RingSchedule
    let attention: PrefillAttention.Plan
    let queryLayout: QueryLayout
    /// As in `QueryLayout`, and `[own tokens][inputStride]`; matrix input.
    let queries: BufferPlan.Slot<UInt8>
    let output: BufferPlan.Slot<UInt8>
    let buffers: BufferPlan

    init(
      arithmetic: Arithmetic, shape: AttentionShape, pattern: AttentionPattern, tokens: Int,
      _ communicator: Communicator
    ) {
      let rank = communicator.rank
      let partition = SequencePartition(
        .zigzag, blocks: (tokens + tokensPerBlock - 1) / tokensPerBlock, ranks: communicator.size)
      share = SequenceShare(partition: partition, rank: rank, sequenceTokens: tokens)
      cache = KeyValueCache.Plan(
        layout: CacheLayout([arithmetic.keyValueLayout(shape)]), blocks: share.blocks)
      let schedules = RingSchedules(partition: partition, patterns: [pattern])
      schedule = schedules[pattern]
      attention = PrefillAttention.Plan(
        arithmetic: arithmetic, cache: cache, schedules: schedules, layers: [pattern],
        share: share, rank: rank)
      queryLayout = arithmetic.queryLayout(shape, tokens: share.tokenCount)
      var plan = BufferPlan()
      queries = plan.add(share.tokenCount, queryLayout.tokenBytes)
      output = plan.add(
        share.tokenCount,
        arithmetic.inputRowBytes(columns: shape.queryHeads * shape.headDimension))
      buffers = plan
    }
  }

  private let communicator: Communicator
  private let pattern: AttentionPattern
  private let plan: Plan
  private let attention: PrefillAttention
  private let cache: KeyValueCache
  private let memory: Buffers

  init(
    arithmetic: Arithmetic, shape: AttentionShape, pattern: AttentionPattern, tokens: Int,
    communicator: Communicator
  ) {
    self.communicator = communicator
    self.pattern = pattern
    plan = Plan(
      arithmetic: arithmetic, shape: shape, pattern: pattern, tokens: tokens, communicator)
    cache = KeyValueCache(plan.cache)
    memory = Buffers(plan.buffers)
    attention = PrefillAttention(
      plan.attention, communicator: communicator, arithmetic: arithmetic, cache: cache)
    fill(arithmetic, shape)
  }

  private func fill(_ arithmetic: Arithmetic, _ shape: AttentionShape) {
    let width = (shape.queryHeads + 2 * shape.keyValueHeads) * shape.headDimension
    var generator = SplitMix64(seed: UInt64(communicator.rank))
    let row = AlignedBuffer<Float>(count: width)
    for token in 0..<plan.share.tokenCount {
      for index in 0..<width { row.pointer[index] = Float(generator.nextUniform() * 2 - 1) }
      arithmetic.store(
        queries: row.pointer, token: token, into: memory[raw: plan.queries],
        layout: plan.queryLayout)
      let keys = row.pointer + shape.queryHeads * shape.headDimension
      arithmetic.store(
        keys: keys, values: keys + shape.keyValueHeads * shape.headDimension,
        token: token % tokensPerBlock,
        into: cache.head(0, layer: 0, index: token / tokensPerBlock), layout: cache.layout[0])
    }
  }

  /// What a rank needs for a causal layer: queries and outputs, softmax states, its KV blocks, and two
  /// buffers for messages, or four if `exchange(into:)` will be called.
  static func bytes(
    arithmetic: Arithmetic, shape: AttentionShape, tokens: Int, _ communicator: Communicator,
    isExchangedAlone: Bool = false
  ) -> Int {
    let plan = Plan(
      arithmetic: arithmetic, shape: shape, pattern: .causal, tokens: tokens, communicator)
    let message =
      plan.schedule.largestMessage(to: communicator.rank) * plan.cache.layout.blockBytes
    return plan.buffers.bytes + plan.attention.bytes + plan.cache.bytes
      + (isExchangedAlone ? 2 * message : 0)
  }

  func attend() throws -> AttentionWork {
    try attention.attend(
      LayerAttention(index: 0, pattern: pattern), queries: memory[raw: plan.queries],
      output: memory[raw: plan.output])
  }

  /// Of the largest message that this rank receives.
  var messageBytes: Int {
    plan.schedule.largestMessage(to: communicator.rank) * cache.layout.blockBytes
  }

  /// Sends and receives the messages of `attend()` and computes nothing; returns the bytes sent.
  ///
  /// - Parameter memory: two of `messageBytes` each.
  /// - Throws: `MPIError`.
  func exchange(into memory: (UnsafeMutablePointer<UInt8>, UnsafeMutablePointer<UInt8>)) throws
    -> Int
  {
    let exchange = RingExchange(communicator)
    var base = UnsafeRawPointer(cache.base(layer: 0))
    for hop in 0..<communicator.size - 1 {
      let arriving = UnsafeMutableRawPointer(hop.isMultiple(of: 2) ? memory.0 : memory.1)
      let messages = plan.schedule.messages(at: communicator.rank, hop: hop)
      try exchange.start(
        sending: messages.sent, of: base, receiving: messages.received, into: arriving,
        blockBytes: cache.layout.blockBytes, hop: hop)
      try exchange.finish()
      base = UnsafeRawPointer(arriving)
    }
    return exchange.bytesSent
  }
}
