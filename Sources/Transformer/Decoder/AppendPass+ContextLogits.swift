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
    let arithmetic = context.arithmetic
    let communicator = context.communicator
    let share = context.share
    let contextTokens = context.contextTokens
    let vocabulary = context.configuration.vocabulary.size
    let rank = communicator.rank
    let rows = AlignedBuffer<Float>(count: tokensPerBlock * vocabulary)
    let normed = AlignedBuffer<UInt8>(
      count: tokensPerBlock * arithmetic.inputRowBytes(columns: context.configuration.hiddenSize))
    let last = AlignedBuffer<Float>(count: vocabulary)
    try lastContextLogits(into: last.pointer)
    for block in 0..<blockCount(tokens: contextTokens) {
      let owner = context.partition.owner(of: block)!
      let tokens = min(tokensPerBlock, contextTokens - block * tokensPerBlock)
      let bytes = UnsafeMutableRawBufferPointer(
        start: rows.pointer, count: tokens * vocabulary * MemoryLayout<Float>.stride)
      if owner == rank {
        let index = share.blocks.firstIndex(of: block)!
        head.multiplyBlock(
          context.stream.row(index * tokensPerBlock), rows: tokens,
          normed: UnsafeMutableRawPointer(normed.pointer), into: rows.pointer, arithmetic)
        if rank != 0 { try communicator.send(UnsafeRawBufferPointer(bytes), to: 0, tag: 0) }
      } else if rank == 0 {
        try communicator.receive(into: bytes, from: owner, tag: 0)
      }
      guard rank == 0 else { continue }
      if (block + 1) * tokensPerBlock >= contextTokens {
        (rows.pointer + (tokens - 1) * vocabulary).update(from: last.pointer, count: vocabulary)
      }
      try body(UnsafeBufferPointer(start: rows.pointer, count: tokens * vocabulary))
    }
  }
}
