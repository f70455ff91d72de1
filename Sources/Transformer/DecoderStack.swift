import Kernels
import MPI
import RingAttention

// A decoder-only stack spread over the ranks. A token takes one of two paths, by its role alone:
//
// - The context is prefilled: every rank holds the activations of its own tokens, linear layers are
//   matrix-matrix products over all of them, attention is the ring.
// - What comes after it (the prompt, generated tokens) is appended: every rank holds the same few
//   rows, linear layers are divided by output rows, attention is each rank's own blocks and one
//   reduction.

/// One model on one sequence: its weights, KV blocks and activations on this rank.
public final class DecoderStack {
  public let weights: ModelWeights
  public var configuration: ModelConfiguration { weights.configuration }
  public let contextTokens: Int
  /// Tokens whose keys and values are in the cache.
  public internal(set) var tokenCount = 0
  /// Layers of the context's prefill that are finished: their KV blocks and the residual stream
  /// behind them are there.
  public internal(set) var finishedLayers = 0
  public private(set) var partition: SequencePartition
  public let cache: KeyValueCache
  /// What the prefill's attention and exchange cost this rank.
  public internal(set) var prefillWork = AttentionWork()
  /// The same for the tokens appended so far.
  public internal(set) var appendWork = AttentionWork()
  /// Seconds of the prefill's attention, waiting included, and of all else in its layers.
  public internal(set) var prefillSeconds = (attention: 0.0, linear: 0.0)
  /// Told of every stage, for a timeline.
  public var onSpan: SpanHandler?

  let communicator: Communicator
  let arithmetic: Arithmetic
  let shape: AttentionShape
  let masks: [AttentionMask]
  /// The layers' different rotations, and which one each layer has.
  let ropes: [RoPE]
  let ropeOfLayer: [Int?]
  let maximumAppended: Int
  let share: SequenceShare
  /// `[own context tokens][hiddenSize]` float32; after the prefill, what the final norm reads.
  let residual: AlignedBuffer<Float>
  var appending: AppendBuffers?

  /// - Parameters:
  ///   - contextTokens: the length of the context, 1 or more.
  ///   - maximumAppended: most tokens that will be appended to it.
  public init(
    weights: ModelWeights, communicator: Communicator, arithmetic: Arithmetic,
    partition kind: PartitionKind, contextTokens: Int, maximumAppended: Int
  ) {
    precondition(contextTokens > 0, "a context has one token at least")
    self.weights = weights
    self.communicator = communicator
    self.arithmetic = arithmetic
    self.contextTokens = contextTokens
    self.maximumAppended = maximumAppended
    let configuration = weights.configuration
    shape = AttentionShape(configuration)
    masks = configuration.layers.map { AttentionMask(slidingWindow: $0.slidingWindow) }
    let ropeParameters = configuration.ropes
    ropes = ropeParameters.map { RoPE($0, headDimension: configuration.headDimension) }
    ropeOfLayer = configuration.layers.map { layer in
      layer.rope.flatMap { ropeParameters.firstIndex(of: $0) }
    }
    partition = SequencePartition(
      kind, blocks: blockCount(tokens: contextTokens), ranks: communicator.size)
    share = SequenceShare(
      partition: partition, rank: communicator.rank, sequenceTokens: contextTokens)
    cache = KeyValueCache(
      layout: arithmetic.keyValueLayout(shape), layers: configuration.layers.count,
      blocks: share.blocks,
      capacity: Self.cacheCapacity(
        partition, tokens: contextTokens + maximumAppended, rank: communicator.rank))
    residual = AlignedBuffer(count: share.tokenCount * configuration.hiddenSize)
  }

  /// Bytes that this rank has sent to others: KV blocks, softmax states and shares of linear
  /// layers.
  public var bytesSent: Int {
    prefillWork.bytesSent + appendWork.bytesSent + (appending?.linearBytesSent ?? 0)
  }

  /// The blocks that a rank will own when the sequence has grown to `tokens`.
  static func cacheCapacity(_ partition: SequencePartition, tokens: Int, rank: Int) -> Int {
    partition.blockCount(
      of: rank, afterAppending: blockCount(tokens: tokens) - partition.blockCount)
  }

  /// Makes room for tokens up to `tokens`: a new block goes to the rank that owns the fewest.
  func growPartition(tokens: Int) {
    while partition.blockCount < blockCount(tokens: tokens) {
      let block = partition.blockCount
      partition.appendBlock()
      if partition.owner(of: block) == communicator.rank { cache.append(block: block) }
    }
  }

  /// Normalizes and rotates one token's queries and keys as the layer does, rounds its queries and
  /// stores its keys and values.
  ///
  /// - Parameters:
  ///   - table: the layer's rotations; nil where it has none.
  ///   - queries: `[queryWidth]` float32; `keys` and `values`: `[keyValueWidth]`.
  ///   - destination: `[keyValueHeads][rowTokens][groupSize][paddedHeadDimension]` matrix input; this is
  ///     token `row` of it.
  ///   - cacheIndex: the place of the token's block in this rank's cache; nil if another rank owns
  ///     it.
  func storeToken(
    layer: Int, position: Int, table: RoPETable?, queries: UnsafeMutablePointer<Float>,
    keys: UnsafeMutablePointer<Float>, values: UnsafeMutablePointer<Float>,
    destination: UnsafeMutableRawPointer, row: Int, rowTokens: Int, cacheIndex: Int?
  ) {
    let d = shape.headDimension
    let groupWidth = shape.groupSize * d
    if configuration.headNorms {
      let attention = weights.layers[layer].attention
      let epsilon = Float(configuration.rmsNormEpsilon)
      arithmetic.rmsNormInPlace(
        queries, rows: shape.queryHeads, columns: d, weight: attention.queryNorm, epsilon: epsilon)
      arithmetic.rmsNormInPlace(
        keys, rows: shape.keyValueHeads, columns: d, weight: attention.keyNorm, epsilon: epsilon)
    }
    if let table {
      table.rotate(queries, count: shape.queryHeads, at: position)
      if cacheIndex != nil { table.rotate(keys, count: shape.keyValueHeads, at: position) }
    }
    for head in 0..<shape.keyValueHeads {
      round(
        queries + head * groupWidth,
        into: destination
          + (head * rowTokens + row) * shape.groupSize * shape.paddedHeadDimension
          * arithmetic.inputType.bytes)
      guard let cacheIndex else { continue }
      arithmetic.store(
        keys: keys + head * d, values: values + head * d, token: position % tokensPerBlock,
        into: cache.head(head, layer: layer, index: cacheIndex), layout: cache.layout)
    }
  }

  /// Rounds the queries of one KV head's group: from `[groupSize][headDimension]` to
  /// `[groupSize][paddedHeadDimension]`.
  private func round(_ queries: UnsafePointer<Float>, into destination: UnsafeMutableRawPointer) {
    let (d, padded) = (shape.headDimension, shape.paddedHeadDimension)
    guard padded > d else {
      arithmetic.round(queries, count: shape.groupSize * d, into: destination)
      return
    }
    let bytes = arithmetic.inputType.bytes
    for head in 0..<shape.groupSize {
      let row = destination + head * padded * bytes
      arithmetic.round(queries + head * d, count: d, into: row)
      (row + d * bytes).initializeMemory(as: UInt8.self, repeating: 0, count: (padded - d) * bytes)
    }
  }

  /// Writes one token's embedding, `[hiddenSize]` float32.
  func embed(_ token: Int32, into row: UnsafeMutablePointer<Float>) {
    arithmetic.widen(row: Int(token), of: weights.embedding, into: row)
    guard configuration.embeddingScale != 1 else { return }
    let scale = Float(configuration.embeddingScale)
    for index in 0..<configuration.hiddenSize { row[index] *= scale }
  }

  func measure<Result>(_ name: StaticString, _ body: () throws -> Result) rethrows -> Result {
    guard let onSpan else { return try body() }
    let start = ContinuousClock.now
    defer { onSpan(name, start, .now) }
    return try body()
  }
}

extension AttentionShape {
  public init(_ configuration: ModelConfiguration) {
    self.init(
      queryHeads: configuration.queryHeads, keyValueHeads: configuration.keyValueHeads,
      headDimension: configuration.headDimension, scale: configuration.attentionScale,
      softCap: configuration.scoreSoftCap)
  }
}

/// The KV blocks of a sequence, of which the last may be partly filled.
public func blockCount(tokens: Int) -> Int {
  (tokens + tokensPerBlock - 1) / tokensPerBlock
}
