import Kernels
import RingAttention

/// The memory that one rank will need for one sequence, known before any is taken.
public struct MemoryRequirement: Sendable, Equatable {
  /// KV blocks of all layers, those of appended tokens included.
  public let keyValueBytes: Int
  /// Activations of the rank's own tokens, the softmax states and two exchange buffers.
  public let activationBytes: Int

  public var bytes: Int { keyValueBytes + activationBytes }

  public init(
    configuration: ModelConfiguration, arithmetic: Arithmetic, partition kind: PartitionKind,
    ranks: Int, rank: Int, contextTokens: Int, maximumAppended: Int
  ) {
    let shape = AttentionShape(configuration)
    let layout = arithmetic.keyValueLayout(shape)
    let partition = SequencePartition(
      kind, blocks: blockCount(tokens: contextTokens), ranks: ranks)
    let share = SequenceShare(partition: partition, rank: rank, sequenceTokens: contextTokens)
    let tokens = share.tokenCount
    let inputBytes = arithmetic.inputType.bytes
    keyValueBytes =
      DecoderStack.cacheCapacity(
        partition, tokens: contextTokens + maximumAppended, rank: rank)
      * layout.blockBytes * configuration.layers.count

    let largestMessage =
      Set(configuration.layers.map { AttentionMask(slidingWindow: $0.slidingWindow) })
      .map { RingSchedule(partition: partition, mask: $0).largestMessage(to: rank) }.max() ?? 0
    let perToken =
      configuration.hiddenSize * 4
      + 2 * configuration.queryWidth * inputBytes
      + configuration.queryHeads
      * arithmetic.stateLayout(headDimension: shape.headDimension).rowElements * 8
      + configuration.headDimension * 4
    let perChunkToken =
      (configuration.hiddenSize + configuration.intermediateSize) * inputBytes
      + (configuration.queryWidth + 2 * configuration.keyValueWidth
        + 2 * configuration.intermediateSize) * 4
    let panel = Arithmetic.outputsPerPanel(
      inputs: max(configuration.hiddenSize, configuration.intermediateSize),
      inputType: arithmetic.inputType)
    let scratch =
      panel * max(configuration.hiddenSize, configuration.intermediateSize) * inputBytes
      + 4 * 384 * (tokensPerBlock + shape.headDimension)
      + 8 * tokensPerBlock * shape.headDimension
    activationBytes =
      tokens * perToken + min(tokens, DecoderStack.tokensPerChunk) * perChunkToken
      + 2 * largestMessage * layout.blockBytes + arithmetic.team.threads * scratch
  }
}
