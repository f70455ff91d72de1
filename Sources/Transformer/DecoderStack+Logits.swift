import Kernels
import MPI
import RingAttention

extension DecoderStack {
  /// The logits of the context's last position, `[vocabularySize]`, on every rank; after the
  /// prefill.
  ///
  /// - Throws: `MPIError`.
  public func lastContextLogits(into logits: UnsafeMutablePointer<Float>) throws {
    let hidden = configuration.hiddenSize
    let buffers = try appendBuffers()
    let owner = partition.owner(of: blockCount(tokens: contextTokens) - 1)!
    if owner == communicator.rank {
      buffers.residual.pointer.update(
        from: residual.pointer + (share.tokenCount - 1) * hidden, count: hidden)
    }
    try communicator.broadcast(
      bytes: UnsafeMutableRawBufferPointer(
        start: buffers.residual.pointer, count: hidden * MemoryLayout<Float>.stride), from: owner)
    try computeLogits(of: buffers.residual.pointer, rows: 1, into: logits)
  }

  /// The logits of some rows of the residual stream, `[rows][vocabularySize]`; every rank has the
  /// rows, at most one a branch.
  func computeLogits(
    of stream: UnsafePointer<Float>, rows: Int, into logits: UnsafeMutablePointer<Float>
  ) throws {
    let buffers = try appendBuffers()
    arithmetic.rmsNorm(
      stream, rows: rows, columns: configuration.hiddenSize, weight: weights.finalNorm,
      epsilon: Float(configuration.rmsNormEpsilon), into: buffers.normed.pointer)
    try measure("logits") {
      try buffers.head.multiply(buffers.normed.pointer, rows: rows, into: logits)
    }
    capLogits(logits, count: rows * configuration.vocabularySize)
  }

  /// The logits of every position of the context, block by block in their order, for rank 0; after
  /// the prefill.
  ///
  /// Every rank calls this. A block's logits are computed by the rank that owns it; the last
  /// position's are those of `lastContextLogits(into:)`.
  ///
  /// - Parameter body: called on rank 0 for each block with `[tokens of the
  ///   block][vocabularySize]`.
  /// - Throws: `MPIError`, and on rank 0 what `body` throws.
  public func forEachContextLogits(
    _ body: (UnsafeBufferPointer<Float>) throws -> Void
  ) throws {
    let vocabulary = configuration.vocabularySize
    let hidden = configuration.hiddenSize
    let rank = communicator.rank
    let rows = AlignedBuffer<Float>(count: tokensPerBlock * vocabulary)
    let normed = AlignedBuffer<UInt8>(
      count: tokensPerBlock * Arithmetic.inputStride(columns: hidden) * arithmetic.inputType.bytes)
    let last = AlignedBuffer<Float>(count: vocabulary)
    try lastContextLogits(into: last.pointer)
    for block in 0..<blockCount(tokens: contextTokens) {
      let owner = partition.owner(of: block)!
      let tokens = min(tokensPerBlock, contextTokens - block * tokensPerBlock)
      let bytes = UnsafeMutableRawBufferPointer(
        start: rows.pointer, count: tokens * vocabulary * MemoryLayout<Float>.stride)
      if owner == rank {
        let index = share.blocks.firstIndex(of: block)!
        arithmetic.rmsNorm(
          residual.pointer + index * tokensPerBlock * hidden, rows: tokens, columns: hidden,
          weight: weights.finalNorm, epsilon: Float(configuration.rmsNormEpsilon),
          into: normed.pointer)
        arithmetic.multiply(
          weights.head, inputs: normed.pointer, tokens: tokens, outputs: rows.pointer,
          outputStride: vocabulary)
        capLogits(rows.pointer, count: tokens * vocabulary)
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

  private func capLogits(_ logits: UnsafeMutablePointer<Float>, count: Int) {
    guard let cap = configuration.logitSoftCap else { return }
    arithmetic.softCap(logits, count: count, cap: Float(cap))
  }
}
