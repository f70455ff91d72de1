import Kernels
import RingAttention

/// What the plans of all ranks for one sequence have in common.
struct SequencePlan: Sendable {
  let sequence: SequenceDescription
  let partition: SequencePartition
  /// `[ranks]`: what each computes.
  let shares: [SequenceShare]
  let branchPartition: BranchPartition
  let schedules: RingSchedules
  /// `[layers]`: what goes round the ranks.
  let passed: [PassedOperand]
  let ropes: [RoPE]

  init(
    _ configuration: ModelConfiguration, _ arithmetic: Arithmetic, _ sequence: SequenceDescription,
    ranks: Int
  ) {
    self.init(
      configuration, arithmetic, sequence,
      SequencePartition(
        sequence.partition, blocks: blockCount(tokens: sequence.contextTokens),
        baseBlocks: sequence.baseTokens / tokensPerBlock, ranks: ranks))
  }

  private init(
    _ configuration: ModelConfiguration, _ arithmetic: Arithmetic, _ sequence: SequenceDescription,
    _ partition: SequencePartition
  ) {
    let ranks = partition.ranks
    self.sequence = sequence
    self.partition = partition
    shares = (0..<ranks).map {
      SequenceShare(
        partition: partition, rank: $0, sequenceTokens: sequence.contextTokens,
        from: sequence.baseTokens)
    }
    branchPartition = BranchPartition(context: partition)
    schedules = RingSchedules(
      partition: partition, patterns: configuration.patterns,
      from: sequence.baseTokens / tokensPerBlock)
    passed = configuration.layers.map { [schedules] layer in
      if let passed = sequence.passed { return passed }
      // Where all is new, fewer bytes are always those of keys and values.
      guard sequence.baseTokens > 0 else { return .keysAndValues }
      return PassedOperand.cheapest(
        newTokens: sequence.contextTokens - sequence.baseTokens,
        schedule: schedules[layer.pattern], ranks: ranks,
        layout: arithmetic.keyValueLayout(layer.attention.shape), arithmetic)
    }
    ropes = configuration.rotations.map {
      RoPE($0.parameters, headDimension: $0.headDimension)
    }
  }
}

extension SequencePlan {
  /// Of tokens behind a context, in one of its branches, as a context that extends it.
  ///
  /// - Parameters:
  ///   - part: which tokens of the branch they are.
  ///   - context: the context's partition.
  init(
    _ part: PartOfBranch, of sequence: SequenceDescription,
    _ context: SequencePartition, _ configuration: ModelConfiguration, _ arithmetic: Arithmetic
  ) {
    let base = sequence.contextTokens + part.tokens.lowerBound
    let end = sequence.contextTokens + part.tokens.upperBound
    let firstBlock = sequence.contextTokens / tokensPerBlock
    self.init(
      configuration, arithmetic,
      SequenceDescription(
        partition: sequence.partition, contextTokens: end,
        base: SequenceBase(
          inBranch: base, rotationTokens: sequence.rotationTokens, arithmetic),
        maximumAppended: 0),
      SequencePartition(
        context: context, firstBlock: firstBlock, branch: part.branch,
        blocks: blockCount(tokens: end) - firstBlock))
  }
}

/// Tokens of a branch that are prefilled together.
struct PartOfBranch {
  let branch: Int
  /// Counted from the branch's first.
  let tokens: Range<Int>
}

/// What one rank needs for one sequence: all of its memory, planned before any is taken.
///
/// What takes the memory takes it by the plan that stands here, so what is counted is what is taken.
struct DecoderPlan: Sendable {
  let sequence: SequenceDescription
  let partition: SequencePartition
  let share: SequenceShare
  let cache: KeyValueCache.Plan
  let branches: BranchCache.Plan
  let stream: ResidualStream.Plan
  let prefill: PrefillExecution.Plan
  let append: AppendPass.Plan
  /// Nil where nobody asks what tokens attend to.
  let trace: AttentionTrace.Plan?
  let contextLogits: ContextLogits.Plan

  init(
    _ configuration: ModelConfiguration, _ arithmetic: Arithmetic, _ common: SequencePlan,
    rank: Int
  ) {
    sequence = common.sequence
    partition = common.partition
    let contextTokens = sequence.contextTokens
    share = common.shares[rank]
    let layout = CacheLayout(
      configuration.layers.map { arithmetic.keyValueLayout($0.attention.shape) })
    cache = KeyValueCache.Plan(layout: layout, blocks: partition.blocks(of: rank))
    // With the context's last block where that is partly filled.
    let firstBlock = contextTokens / tokensPerBlock
    branches = BranchCache.Plan(
      layout: layout, partition: common.branchPartition, rank: rank,
      branches: sequence.branches, firstBlock: firstBlock,
      blocksPerBranch: blockCount(tokens: contextTokens + sequence.maximumAppended) - firstBlock)
    stream = ResidualStream.Plan(
      tokens: share.tokenCount, hiddenSize: configuration.hiddenSize)
    prefill = PrefillExecution.Plan(
      configuration, arithmetic, common, share: share,
      attention: PrefillAttention.Plan(
        arithmetic: arithmetic, cache: cache, schedules: common.schedules,
        layers: zip(configuration.layers, common.passed).map {
          $1 == .keysAndValues ? $0.pattern : nil
        }, share: share, rank: rank), rank: rank)
    append = AppendPass.Plan(
      configuration, arithmetic, sequence, ropes: common.ropes, layout: layout)
    trace =
      sequence.tracesAttention
      ? AttentionTrace.Plan(
        contextTokens: contextTokens, cache: cache, branches: branches,
        patterns: configuration.layers.map(\.pattern), capacity: append.capacity) : nil
    contextLogits = ContextLogits.Plan(configuration, arithmetic, contextTokens: contextTokens)
  }
}

/// The KV blocks of a sequence, of which the last may be partly filled.
public func blockCount(tokens: Int) -> Int {
  (tokens + tokensPerBlock - 1) / tokensPerBlock
}
