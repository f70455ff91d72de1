import Kernels
import RingAttention

/// What the plans of all ranks for one sequence have in common.
struct SequencePlan: Sendable {
  let sequence: SequenceDescription
  let partition: SequencePartition
  let branchPartition: BranchPartition
  let schedules: RingSchedules
  let ropes: [RoPE]

  init(_ configuration: ModelConfiguration, _ sequence: SequenceDescription, ranks: Int) {
    self.sequence = sequence
    partition = SequencePartition(
      sequence.partition, blocks: blockCount(tokens: sequence.contextTokens), ranks: ranks)
    branchPartition = BranchPartition(context: partition)
    schedules = RingSchedules(partition: partition, patterns: configuration.patterns)
    ropes = configuration.rotations.map {
      RoPE($0.parameters, headDimension: $0.headDimension)
    }
  }
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
    share = SequenceShare(partition: partition, rank: rank, sequenceTokens: contextTokens)
    let layout = CacheLayout(
      configuration.layers.map { arithmetic.keyValueLayout($0.attention.shape) })
    cache = KeyValueCache.Plan(layout: layout, blocks: share.blocks)
    // With the context's last block where that is partly filled.
    let firstBlock = contextTokens / tokensPerBlock
    branches = BranchCache.Plan(
      layout: layout, partition: common.branchPartition, rank: rank,
      branches: sequence.branches, firstBlock: firstBlock,
      blocksPerBranch: blockCount(tokens: contextTokens + sequence.maximumAppended) - firstBlock)
    stream = ResidualStream.Plan(
      tokens: share.tokenCount, hiddenSize: configuration.hiddenSize)
    prefill = PrefillExecution.Plan(
      configuration, arithmetic, ropes: common.ropes, share: share,
      attention: PrefillAttention.Plan(
        arithmetic: arithmetic, cache: cache, schedules: common.schedules,
        patterns: configuration.layers.map(\.pattern), share: share, rank: rank))
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
