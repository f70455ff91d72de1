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
  /// Tokens of the context whose keys and values are there: none before the prefill, all after it.
  public internal(set) var tokenCount = 0
  /// Layers of the context's prefill that are finished: their KV blocks and the residual stream
  /// behind them are there.
  public internal(set) var finishedLayers = 0
  /// Those of them that were not computed here, but taken over.
  public internal(set) var restoredLayers = 0
  public let partition: SequencePartition
  public let cache: KeyValueCache
  /// What is appended to the context; each branch is independent of the others.
  public let branches: BranchCache
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
  let branchPartition: BranchPartition
  /// `[branches]`: tokens appended to each.
  var appendedTokens: [Int]
  let share: SequenceShare
  /// `[own context tokens][hiddenSize]` float32; after the prefill, what the final norm reads.
  let residual: AlignedBuffer<Float>
  var appending: AppendBuffers?

  /// - Parameters:
  ///   - contextTokens: the length of the context, 1 or more.
  ///   - maximumAppended: most tokens that will be appended to it in one branch.
  ///   - branches: how many there are.
  public init(
    weights: ModelWeights, communicator: Communicator, arithmetic: Arithmetic,
    partition kind: PartitionKind, contextTokens: Int, maximumAppended: Int, branches: Int = 1
  ) {
    precondition(contextTokens > 0, "a context has one token at least")
    precondition(branches > 0, "there is one branch at least")
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
    let layout = arithmetic.keyValueLayout(shape)
    let layers = configuration.layers.count
    cache = KeyValueCache(layout: layout, layers: layers, blocks: share.blocks)
    branchPartition = BranchPartition(context: partition)
    appendedTokens = [Int](repeating: 0, count: branches)
    self.branches = BranchCache(
      layout: layout, layers: layers, partition: branchPartition, rank: communicator.rank,
      branches: branches, firstBlock: contextTokens / tokensPerBlock,
      blocksPerBranch: Self.blocksPerBranch(
        contextTokens: contextTokens, maximumAppended: maximumAppended))
    residual = AlignedBuffer(count: share.tokenCount * configuration.hiddenSize)
  }

  /// Bytes that this rank has sent to others: KV blocks, softmax states and shares of linear
  /// layers.
  public var bytesSent: Int {
    prefillWork.bytesSent + appendWork.bytesSent + (appending?.linearBytesSent ?? 0)
  }

  /// The blocks of what is appended to a context in one branch, with the context's last block where
  /// that is partly filled.
  static func blocksPerBranch(contextTokens: Int, maximumAppended: Int) -> Int {
    blockCount(tokens: contextTokens + maximumAppended) - contextTokens / tokensPerBlock
  }

  /// Normalizes and rotates one token's queries and keys as the layer does, rounds its queries and
  /// stores its keys and values.
  ///
  /// - Parameters:
  ///   - place: the token's place in its KV block.
  ///   - table: the layer's rotations; nil where it has none. The token's is number `entry`.
  ///   - queries: `[queryWidth]` float32; `keys` and `values`: `[keyValueWidth]`.
  ///   - destination: `[keyValueHeads][rowTokens][groupSize][paddedHeadDimension]` matrix input; this is
  ///     token `row` of it.
  ///   - block: the token's KV block of the layer; nil if another rank owns it.
  func storeToken(
    layer: Int, place: Int, table: RoPETable?, entry: Int, queries: UnsafeMutablePointer<Float>,
    keys: UnsafeMutablePointer<Float>, values: UnsafeMutablePointer<Float>,
    destination: UnsafeMutableRawPointer, row: Int, rowTokens: Int,
    block: UnsafeMutableRawPointer?
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
      table.rotate(queries, count: shape.queryHeads, by: entry)
      if block != nil { table.rotate(keys, count: shape.keyValueHeads, by: entry) }
    }
    for head in 0..<shape.keyValueHeads {
      round(
        queries + head * groupWidth,
        into: destination
          + (head * rowTokens + row) * shape.groupSize * shape.paddedHeadDimension
          * arithmetic.inputType.bytes)
      guard let block else { continue }
      arithmetic.store(
        keys: keys + head * d, values: values + head * d, token: place,
        into: block + head * cache.layout.headBytes, layout: cache.layout)
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
