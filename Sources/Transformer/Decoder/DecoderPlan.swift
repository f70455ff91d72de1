import Kernels
import RingAttention

/// What one rank needs for one sequence: all of its memory, planned before any is taken.
///
/// What takes the memory takes it by the plan that stands here, so what is counted is what is taken.
struct DecoderPlan: Sendable {
  let sequence: SequenceDescription
  let partition: SequencePartition
  let share: SequenceShare
  let cache: KeyValueCache.Plan
  let branchPartition: BranchPartition
  let branches: BranchCache.Plan
  let stream: ResidualStream.Plan
  let ropes: [RoPE]
  let prefill: PrefillExecution.Plan
  let append: AppendPass.Plan

  init(
    _ configuration: ModelConfiguration, _ arithmetic: Arithmetic, _ sequence: SequenceDescription,
    ranks: Int, rank: Int
  ) {
    self.sequence = sequence
    let contextTokens = sequence.contextTokens
    partition = SequencePartition(
      sequence.partition, blocks: blockCount(tokens: contextTokens), ranks: ranks)
    share = SequenceShare(partition: partition, rank: rank, sequenceTokens: contextTokens)
    let layout = arithmetic.keyValueLayout(configuration.attention.shape)
    let layers = configuration.layers.count
    cache = KeyValueCache.Plan(layout: layout, layers: layers, blocks: share.blocks)
    branchPartition = BranchPartition(context: partition)
    // With the context's last block where that is partly filled.
    let firstBlock = contextTokens / tokensPerBlock
    branches = BranchCache.Plan(
      layout: layout, layers: layers, partition: branchPartition, rank: rank,
      branches: sequence.branches, firstBlock: firstBlock,
      blocksPerBranch: blockCount(tokens: contextTokens + sequence.maximumAppended) - firstBlock)
    stream = ResidualStream.Plan(
      tokens: share.tokenCount, hiddenSize: configuration.hiddenSize)
    ropes = configuration.ropes.map {
      RoPE($0, headDimension: configuration.attention.headDimension)
    }
    prefill = PrefillExecution.Plan(
      configuration, arithmetic, ropes: ropes, share: share,
      attention: PrefillAttention.Plan(
        arithmetic: arithmetic, cache: cache, partition: partition, share: share, rank: rank,
        patterns: configuration.patterns))
    append = AppendPass.Plan(configuration, arithmetic, sequence, ropes: ropes, layout: layout)
  }
}

/// The KV blocks of a sequence, of which the last may be partly filled.
public func blockCount(tokens: Int) -> Int {
  (tokens + tokensPerBlock - 1) / tokensPerBlock
}
