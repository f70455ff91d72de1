import Kernels
import RingAttention

/// The memory that one rank will need for one sequence, known before any is taken: the sum of the
/// plans by which it is taken.
public struct MemoryRequirement: Sendable, Equatable {
  /// KV blocks of all layers, those of appended tokens included.
  public let keyValueBytes: Int
  /// The residual stream of the rank's own tokens, scratch, and either what the prefill has beside them
  /// or what appended tokens and logits of the context have; whichever is more, since the prefill's
  /// memory is given back before anything is appended.
  public let activationBytes: Int

  public var bytes: Int { keyValueBytes + activationBytes }

  /// - Parameters:
  ///   - isInterruptible: whether the prefill gets an `Interruption`.
  ///   - givesContextLogits: whether there will be `ContextLogits`.
  public init(
    configuration: ModelConfiguration, arithmetic: Arithmetic, sequence: SequenceDescription,
    ranks: Int, rank: Int, isInterruptible: Bool = false, givesContextLogits: Bool = false
  ) {
    self.init(
      configuration, arithmetic, SequencePlan(configuration, arithmetic, sequence, ranks: ranks),
      rank: rank,
      isInterruptible: isInterruptible, givesContextLogits: givesContextLogits)
  }

  /// What each of the ranks will need, or each of those whose numbers are given.
  public static func ofAllRanks(
    configuration: ModelConfiguration, arithmetic: Arithmetic, sequence: SequenceDescription,
    ranks: Int, numbers: Range<Int>? = nil
  ) -> [MemoryRequirement] {
    let common = SequencePlan(configuration, arithmetic, sequence, ranks: ranks)
    return (numbers ?? 0..<ranks).map {
      MemoryRequirement(
        configuration, arithmetic, common, rank: $0, isInterruptible: false,
        givesContextLogits: false)
    }
  }

  private init(
    _ configuration: ModelConfiguration, _ arithmetic: Arithmetic, _ common: SequencePlan,
    rank: Int, isInterruptible: Bool, givesContextLogits: Bool
  ) {
    let plan = DecoderPlan(configuration, arithmetic, common, rank: rank)
    keyValueBytes = plan.cache.bytes + plan.branches.bytes
    let appendBytes =
      plan.append.bytes + Self.promptBytes(configuration, arithmetic, plan, rank: rank)
    let prefillBytes = plan.prefill.bytes + (isInterruptible ? plan.stream.bytes : 0)
    activationBytes =
      plan.stream.bytes
      + max(
        prefillBytes,
        appendBytes + (plan.trace?.bytes ?? 0)
          + (givesContextLogits ? plan.contextLogits.bytes : 0))
      + arithmetic.team.threads
      * Self.scratchBytes(configuration, arithmetic, appendedRows: plan.append.capacity)
      + Self.mixtureScratchBytes(configuration, arithmetic, appendedTokens: plan.append.capacity)
  }

  /// What the prefill of a prompt, or of a context of its own, in its branch needs.
  private static func promptBytes(
    _ configuration: ModelConfiguration, _ arithmetic: Arithmetic, _ plan: DecoderPlan, rank: Int
  ) -> Int {
    let sequence = plan.sequence
    var parts = [0..<sequence.longestOwnContext]
    if AppendPass.prefillsPrompt(tokens: sequence.longestPrompt, arithmetic) {
      // Behind an own context it may begin anywhere. A rank has most of one that begins with a block.
      let border = blockCount(tokens: sequence.contextTokens) * tokensPerBlock
      let start = sequence.longestOwnContext > 0 ? border - sequence.contextTokens : 0
      parts.append(start..<start + sequence.longestPrompt)
    }
    // In the branches of which this rank has most: the first block, or, where that begins with tokens of
    // the context, the second one.
    let branches = BranchPartition(context: plan.partition)
    return parts.filter { !$0.isEmpty }.flatMap { tokens in
      [0, 1].map { block in
        let branch = (0..<branches.ranks).first {
          branches.owner(branch: $0, block: block) == rank
        }!
        let prompt = DecoderPlan(
          configuration, arithmetic,
          SequencePlan(
            PartOfBranch(branch: branch, tokens: tokens), of: sequence, plan.partition,
            configuration, arithmetic), rank: rank)
        return prompt.stream.bytes + prompt.prefill.bytes
      }
    }.max() ?? 0
  }

  /// What routers need beside that, and rows of experts: those of appended tokens, and of a context where
  /// OpenBLAS does not multiply them.
  private static func mixtureScratchBytes(
    _ configuration: ModelConfiguration, _ arithmetic: Arithmetic, appendedTokens: Int
  ) -> Int {
    let mixtures = configuration.layers.compactMap(\.feedForward.mixture)
    guard !mixtures.isEmpty else { return 0 }
    let (hidden, exact) = (configuration.hiddenSize, arithmetic.inFloat32)
    let router =
      exact.splitScratchBytes(inputs: hidden, rows: ExpertBuffers.tokensRoutedAtOnce)
      + (exact === arithmetic
        ? 0 : arithmetic.team.threads * exact.linearScratchBytes(inputs: hidden))
    let appended = appendedTokens * mixtures.map(\.expertsPerToken).max()!
    let rows = max(appended, arithmetic.multipliesPanels ? 0 : PrefillPass.tokensPerChunk)
    let widest = mixtures.flatMap(\.parts).reduce(hidden) { max($0, $1.intermediateSize) }
    return router
      + arithmetic.splitScratchBytes(inputs: widest, rows: rows)
  }

  /// The most scratch that any call of the arithmetic needs on one thread.
  private static func scratchBytes(
    _ configuration: ModelConfiguration, _ arithmetic: Arithmetic, appendedRows: Int
  ) -> Int {
    let attentions = configuration.attentions
    let widths =
      [configuration.hiddenSize] + attentions.map(\.queryWidth)
      + configuration.layers.flatMap(\.feedForward.parts).map(\.intermediateSize)
    let linear = Set(widths).map {
      arithmetic.linearScratchBytes(inputs: $0)
        + arithmetic.splitScratchBytes(inputs: $0, rows: appendedRows)
        + arithmetic.chunkScratchBytes(inputs: $0, rows: appendedRows)
    }
    let attention = attentions.map(\.shape).map {
      arithmetic.attentionScratchBytes(
        shape: $0, rows: arithmetic.tokensPerTile($0) * $0.groupSize)
    }
    return max(attention.max()!, linear.max()!)
  }
}
