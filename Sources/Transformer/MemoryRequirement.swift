import Kernels
import RingAttention

/// The memory that one rank will need for one sequence, known before any is taken.
public struct MemoryRequirement: Sendable, Equatable {
  /// KV blocks of all layers, those of appended tokens included.
  public let keyValueBytes: Int
  /// Activations of the rank's own tokens, and either what the prefill has beside them, with
  /// softmax states and two exchange buffers, or what appended tokens have; whichever is more.
  public let activationBytes: Int

  public var bytes: Int { keyValueBytes + activationBytes }

  /// - Parameter isInterruptible: whether the prefill gets an `Interruption`.
  public init(
    configuration: ModelConfiguration, arithmetic: Arithmetic, partition kind: PartitionKind,
    ranks: Int, rank: Int, contextTokens: Int, maximumAppended: Int, branches: Int = 1,
    isInterruptible: Bool = false
  ) {
    let shape = AttentionShape(configuration)
    let layout = arithmetic.keyValueLayout(shape)
    let partition = SequencePartition(
      kind, blocks: blockCount(tokens: contextTokens), ranks: ranks)
    let share = SequenceShare(partition: partition, rank: rank, sequenceTokens: contextTokens)
    let tokens = share.tokenCount
    let branchPartition = BranchPartition(context: partition)
    let blocksPerBranch = DecoderStack.blocksPerBranch(
      contextTokens: contextTokens, maximumAppended: maximumAppended)
    let branchBlocks = (0..<branches).reduce(0) {
      $0 + branchPartition.blockCount(branch: $1, blocks: blocksPerBranch, of: rank)
    }
    let layers = configuration.layers.count
    keyValueBytes = Self.product(share.blocks.count + branchBlocks, layout.blockBytes, layers)
    // Every rank has a copy of the context's last block where that is partly filled.
    let tailBytes =
      contextTokens % tokensPerBlock == 0 ? 0 : Self.product(layout.blockBytes, layers)

    let largestMessage =
      Set(configuration.layers.map { AttentionMask(slidingWindow: $0.slidingWindow) })
      .map { RingSchedule(partition: partition, mask: $0).largestMessage(to: rank) }.max() ?? 0
    func rowBytes(_ columns: Int) -> Int {
      Arithmetic.inputStride(columns: columns) * arithmetic.inputType.bytes
    }
    // As in PrefillBuffers and PrefillAttention, and the tables of rotations.
    let perToken =
      shape.queryHeads * shape.paddedHeadDimension * arithmetic.inputType.bytes
      + rowBytes(configuration.queryWidth)
      + shape.queryHeads
      * arithmetic.stateLayout(headDimension: shape.headDimension).rowElements * 8
      + shape.headDimension * 4 * configuration.ropes.count
      + (isInterruptible ? configuration.hiddenSize * 4 : 0)
    let perChunkToken =
      rowBytes(configuration.hiddenSize) + rowBytes(configuration.intermediateSize)
      + (configuration.queryWidth + 2 * configuration.keyValueWidth
        + 2 * configuration.intermediateSize
        + (configuration.outputNorms ? configuration.hiddenSize : 0)) * 4
    let prefillBytes =
      Self.product(tokens, perToken) + min(tokens, DecoderStack.tokensPerChunk) * perChunkToken
      + Self.product(2, largestMessage, layout.blockBytes)
    let scratchBytes =
      [configuration.hiddenSize, configuration.queryWidth, configuration.intermediateSize]
      .map {
        max(
          arithmetic.linearScratchBytes(inputs: $0),
          arithmetic.splitScratchBytes(
            inputs: $0, rows: DecoderStack.appendCapacity(branches: branches)))
      }
      + [
        arithmetic.attentionScratchBytes(
          shape: shape, rows: arithmetic.tokensPerTile(shape) * shape.groupSize)
      ]
    // The prefill's memory is given back before anything is appended.
    activationBytes =
      Self.product(tokens, configuration.hiddenSize, 4)
      + max(
        prefillBytes,
        tailBytes + AppendBuffers.bytes(configuration, arithmetic, branches: branches))
      + arithmetic.team.threads * scratchBytes.max()!
  }

  /// The product, or 2^48 where it is more: far above the memory of any host, and low enough that
  /// no sum over its ranks overflows.
  private static func product(_ factors: Int...) -> Int {
    let limit = 1 << 48
    return factors.reduce(1) { product, factor in
      let (next, overflow) = product.multipliedReportingOverflow(by: factor)
      return overflow ? limit : min(next, limit)
    }
  }
}
