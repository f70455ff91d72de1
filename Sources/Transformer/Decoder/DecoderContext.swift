import Kernels
import MPI
import RingAttention

// A decoder-only model spread over the ranks. A token takes one of two paths, by its role alone:
//
// - The context is prefilled (`PrefillPass`): every rank holds the activations of its own tokens,
//   linear layers are matrix-matrix products over all of them, attention is the ring.
// - What comes after it, the prompt and generated tokens, is appended (`AppendPass`): every rank holds
//   the same few rows, linear layers are divided by output rows, attention is each rank's own blocks
//   and one reduction.

/// The state of one sequence on this rank: its KV blocks, the residual stream, and how far it is.
public final class DecoderContext {
  public let weights: ModelWeights
  public var configuration: ModelConfiguration { weights.configuration }
  /// This rank's threads.
  public var team: ThreadTeam { arithmetic.team }
  /// Told of every stage, for a timeline.
  public var onSpan: SpanHandler?

  public var contextTokens: Int { plan.sequence.contextTokens }
  /// The first of them, whose keys and values are written into memory before the prefill.
  public var baseTokens: Int { plan.sequence.baseTokens }
  var rotationTokens: Int { plan.sequence.rotationTokens }
  public var partition: SequencePartition { plan.partition }
  /// The KV blocks of the context.
  public let cache: KeyValueCache
  /// What is appended to the context; each branch is independent of the others.
  public let branches: BranchCache

  /// Layers of the context's prefill that are finished: their KV blocks and the residual stream
  /// behind them are there.
  public internal(set) var finishedLayers = 0
  /// Those of them that were not computed here, but restored.
  public private(set) var restoredLayers = 0
  /// Whether all of the context's keys and values are there.
  public var isPrefilled: Bool { finishedLayers == configuration.layers.count }
  /// Whose hidden states there are behind the last layer, or will be.
  public private(set) var finalPositions = ContextPositions.all
  /// What the prefill has cost this rank so far.
  public internal(set) var prefillCost = PrefillCost()

  let plan: DecoderPlan
  let layers: [DecoderLayer]
  /// The same for the context's prefill: with whole matrices, where the others have this host's rows.
  let prefillLayers: [DecoderLayer]
  let communicator: Communicator
  let arithmetic: Arithmetic
  /// Of this rank's tokens of the context; after the prefill, what the final norm reads.
  let stream: ResidualStream

  public init(
    weights: ModelWeights, _ sequence: SequenceDescription, communicator: Communicator,
    arithmetic: Arithmetic
  ) {
    self.weights = weights
    self.communicator = communicator
    self.arithmetic = arithmetic
    plan = DecoderPlan(
      weights.configuration, arithmetic,
      SequencePlan(weights.configuration, arithmetic, sequence, ranks: communicator.size),
      rank: communicator.rank)
    layers = DecoderLayer.all(of: weights, arithmetic)
    prefillLayers =
      weights.passing.map { DecoderLayer.all(of: $0.whole, arithmetic) } ?? layers
    cache = KeyValueCache(plan.cache)
    branches = BranchCache(plan.branches)
    stream = ResidualStream(plan.stream)
  }

  /// A context with a part of one of its branches behind it, and whatever stands before that in the branch:
  /// its keys and values are those of the context and of the branch.
  init(_ context: DecoderContext, _ part: PartOfBranch) {
    (weights, communicator, arithmetic) = (
      context.weights, context.communicator, context.arithmetic
    )
    onSpan = context.onSpan
    plan = DecoderPlan(
      weights.configuration, arithmetic,
      SequencePlan(
        part, of: context.plan.sequence, context.partition, weights.configuration, arithmetic),
      rank: communicator.rank)
    (layers, prefillLayers) = (context.layers, context.prefillLayers)
    branches = context.branches
    cache = KeyValueCache(plan.cache, of: context.cache, branches, branch: part.branch)
    stream = ResidualStream(plan.stream)
  }

  /// What this rank computes.
  var share: SequenceShare { plan.share }
  /// How many of this rank's blocks of the context have nothing to compute, its first ones.
  public var ownBaseBlocks: Int { cache.blocks.count - share.blocks.count }

  /// FLOPs of this rank's linear layers in a whole prefill, or in what was left of it.
  public var prefillLinearFlops: Double {
    weights.layers.indices[restoredLayers...].reduce(0) { flops, layer in
      let attending = attendingTokens(inLayer: layer)
      return flops + Double(attending) * weights.layers[layer].flopsPerToken
        + Double(share.tokenCount - attending) * weights.layers[layer].flopsPerKeyAndValue
    }
  }

  /// Says that what has been written into this rank's memory is there: the keys and values of so many
  /// layers and the residual stream behind them, of which the last position is enough behind all.
  public func declareRestored(finishedLayers layers: Int) {
    precondition(finishedLayers == 0, "a context is restored first, and once")
    restoredLayers = layers
    finishedLayers = layers
  }

  // MARK: - The last layer

  var ownerOfLastPosition: Int {
    partition.owner(of: blockCount(tokens: contextTokens) - 1)!
  }

  /// Says whose logits are wanted, before a layer runs.
  func setFinalPositions(_ wanted: ContextPositions) {
    // Where OpenBLAS multiplies, a row's bits depend on the others of its block.
    let canEndBefore = arithmetic.multipliesPanels && !configuration.runsLastLayerWhole
    finalPositions = canEndBefore ? wanted : .all
  }

  /// Whether all of the context's tokens go through all of the layer.
  func runsWhole(layer: Int) -> Bool { finalPositions == .all || layer < layers.count - 1 }

  /// How many of this rank's tokens attend in a layer and go on behind it, its last ones; of the others,
  /// it computes keys and values alone.
  func attendingTokens(inLayer layer: Int) -> Int {
    if runsWhole(layer: layer) { return share.tokenCount }
    return ownerOfLastPosition == communicator.rank ? 1 : 0
  }

  /// Writes one token's embedding, `[hiddenSize]` float32.
  ///
  /// - Parameter embedding: the model's, wherever it is; one that has the token's row.
  func embed(_ token: Int32, of embedding: WeightMatrix, into row: UnsafeMutablePointer<Float>) {
    arithmetic.widen(row: Int(token), of: embedding, into: row)
    guard configuration.vocabulary.embeddingScale != 1 else { return }
    let scale = Float(configuration.vocabulary.embeddingScale)
    for index in 0..<configuration.hiddenSize { row[index] *= scale }
  }

  /// Runs `body`, and tells of its span.
  func withSpan<Result>(_ name: StaticString, _ body: () throws -> Result) rethrows -> Result {
    guard let onSpan else { return try body() }
    let start = ContinuousClock.now
    defer { onSpan(name, start, .now) }
    return try body()
  }
}

/// Positions of a context: those whose logits are wanted, and whose hidden states the last layer gives.
public enum ContextPositions: Sendable {
  case all
  /// The last one alone.
  case last
}

/// What a prefill costs one rank.
public struct PrefillCost: Sendable, Equatable {
  /// Attention and exchange.
  public var attention = AttentionWork()
  /// Seconds in which the rank waited for weights of other hosts, and bytes of its host's that it sent.
  public var exposedWeightSeconds = 0.0
  public var weightBytesSent = 0
  /// Seconds of attention, waiting included.
  public var attentionSeconds = 0.0
  /// Seconds of all else in the layers.
  public var linearSeconds = 0.0
  /// `[layers][experts]`: how many of its tokens went to each expert; none of a layer without experts,
  /// one that was restored, or one in which only the last position goes on.
  public var expertTokens: [[Int]] = []

  public init() {}
}
