import Kernels
import MPI
import RingAttention

extension AppendPass {
  /// The logits of every position of the context, block by block in their order, for rank 0.
  ///
  /// Every rank calls this. A block's logits are computed by the rank that owns it; the last
  /// position's are those of `lastContextLogits(into:)`.
  ///
  /// - Parameter body: called on rank 0 for each block with `[tokens of the
  ///   block][vocabulary.size]`.
  /// - Throws: `MPIError`, and on rank 0 what `body` throws.
  public func forEachContextLogits(
    _ body: (UnsafeBufferPointer<Float>) throws -> Void
  ) throws {
    let communicator = context.communicator
    let own = context.ownContextBlocks
    let contextTokens = context.contextTokens
    let vocabulary = context.configuration.vocabulary.size
    let rank = communicator.rank
    let logits = try ContextLogits(context)
    let last = AlignedBuffer<Float>(count: vocabulary)
    try lastContextLogits(into: last.pointer)
    for block in 0..<blockCount(tokens: contextTokens) {
      let owner = context.partition.owner(of: block)!
      let tokens = min(tokensPerBlock, contextTokens - block * tokensPerBlock)
      let rows = UnsafeMutableBufferPointer(start: logits.rows, count: tokens * vocabulary)
      if owner == rank {
        let computed = logits.compute(ofBlock: own.firstIndex(of: block)!)
        if rank != 0 { try communicator.send(UnsafeRawBufferPointer(computed), to: 0, tag: 0) }
      } else if rank == 0 {
        try communicator.receive(into: UnsafeMutableRawBufferPointer(rows), from: owner, tag: 0)
      }
      guard rank == 0 else { continue }
      if (block + 1) * tokensPerBlock >= contextTokens {
        (logits.rows + (tokens - 1) * vocabulary).update(from: last.pointer, count: vocabulary)
      }
      try body(UnsafeBufferPointer(rows))
    }
  }
}
