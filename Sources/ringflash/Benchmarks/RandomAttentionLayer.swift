import Kernels
import MPI
import RingAttention

/// One attention layer with random contents, shared out over the ranks by zigzag.
final class RandomAttentionLayer {
  private let communicator: Communicator
  private let mask: AttentionMask
  private let attention: PrefillAttention
  private let cache: KeyValueCache
  private let schedule: RingSchedule
  /// `[keyValueHeads][own tokens][groupSize][headDimension]` and `[own tokens][inputStride]` matrix
  /// input.
  private let queries: AlignedBuffer<UInt8>
  private let output: AlignedBuffer<UInt8>

  init(
    arithmetic: Arithmetic, shape: AttentionShape, mask: AttentionMask, tokens: Int,
    communicator: Communicator
  ) {
    self.communicator = communicator
    self.mask = mask
    let partition = Self.partition(tokens: tokens, communicator)
    let share = SequenceShare(
      partition: partition, rank: communicator.rank, sequenceTokens: tokens)
    let layout = arithmetic.keyValueLayout(shape)
    cache = KeyValueCache(layout: layout, layers: 1, blocks: share.blocks)
    schedule = RingSchedule(partition: partition, mask: mask)
    let width = shape.queryHeads * shape.headDimension
    let inputBytes = arithmetic.inputType.bytes
    queries = AlignedBuffer(count: share.tokenCount * width * inputBytes)
    output = AlignedBuffer(
      count: share.tokenCount * Arithmetic.inputStride(columns: width) * inputBytes)
    attention = PrefillAttention(
      communicator: communicator, arithmetic: arithmetic, cache: cache, partition: partition,
      sequenceTokens: tokens, masks: [mask])
    fill(arithmetic, shape, tokens: share.tokenCount)
  }

  private func fill(_ arithmetic: Arithmetic, _ shape: AttentionShape, tokens: Int) {
    let (width, d) = (shape.queryHeads * shape.headDimension, shape.headDimension)
    var generator = SplitMix64(seed: UInt64(communicator.rank))
    var row = [Float](repeating: 0, count: 2 * max(width, d))
    func fill() { for index in row.indices { row[index] = Float(generator.nextUniform() * 2 - 1) } }
    for token in 0..<tokens {
      fill()
      arithmetic.round(
        row, count: width, into: queries.pointer + token * width * arithmetic.inputType.bytes)
      for head in 0..<shape.keyValueHeads {
        fill()
        row.withUnsafeBufferPointer { row in
          arithmetic.store(
            keys: row.baseAddress!, values: row.baseAddress! + d, token: token % tokensPerBlock,
            into: cache.head(head, layer: 0, index: token / tokensPerBlock), layout: cache.layout)
        }
      }
    }
  }

  private static func partition(tokens: Int, _ communicator: Communicator) -> SequencePartition {
    SequencePartition(
      .zigzag, blocks: (tokens + tokensPerBlock - 1) / tokensPerBlock, ranks: communicator.size)
  }

  /// What a rank needs: queries and outputs, softmax states, its KV blocks, and two exchange buffers
  /// that each hold at most as much again, or four if `exchange(into:)` will be called.
  static func bytes(
    arithmetic: Arithmetic, shape: AttentionShape, tokens: Int, _ communicator: Communicator,
    isExchangedAlone: Bool = false
  ) -> Int {
    let buffers = communicator.size == 1 ? 0 : isExchangedAlone ? 4 : 2
    let ownBlocks = partition(tokens: tokens, communicator).blockCount(of: communicator.rank)
    let width = shape.queryHeads * shape.headDimension
    let bytesPerToken =
      (width + Arithmetic.inputStride(columns: width)) * arithmetic.inputType.bytes
      + shape.queryHeads * arithmetic.stateLayout(headDimension: shape.headDimension).rowElements
      * MemoryLayout<Double>.stride
    return min(tokens, ownBlocks * tokensPerBlock) * bytesPerToken
      + (1 + buffers) * ownBlocks * arithmetic.keyValueLayout(shape).blockBytes
  }

  func attend() throws -> AttentionWork {
    try attention.attend(
      layer: 0, mask: mask, queries: queries.pointer, output: output.pointer)
  }

  /// Of the largest message that this rank receives.
  var messageBytes: Int {
    schedule.largestMessage(to: communicator.rank) * cache.layout.blockBytes
  }

  /// Sends and receives the messages of `attend()` and computes nothing; returns the bytes sent.
  ///
  /// - Parameter memory: two of `messageBytes` each.
  /// - Throws: `MPIError`.
  func exchange(into memory: (UnsafeMutablePointer<UInt8>, UnsafeMutablePointer<UInt8>)) throws
    -> Int
  {
    let exchange = RingExchange(communicator: communicator)
    var base = UnsafeRawPointer(cache.base(layer: 0))
    for hop in 0..<communicator.size - 1 {
      let arriving = UnsafeMutableRawPointer(hop.isMultiple(of: 2) ? memory.0 : memory.1)
      let messages = schedule.messages(at: communicator.rank, hop: hop)
      try exchange.start(
        sending: messages.sent, of: base, receiving: messages.received, into: arriving,
        blockBytes: cache.layout.blockBytes, hop: hop)
      try exchange.finish()
      base = UnsafeRawPointer(arriving)
    }
    return exchange.bytesSent
  }
}
