import CKernels

/// What is done to the heads of one token before attention, in float32, in place and by the calling
/// thread.
extension Arithmetic {
  /// RoPE (Su and others 2021, arXiv:2104.09864): of each row, the two elements of pair number `i`
  /// turn by the angle number `i`.
  ///
  /// The products and their sum or difference are each rounded to float32, so every instruction set
  /// gives the same bits. What is in no pair stays as it is.
  ///
  /// - Parameters:
  ///   - heads: `[count][headDimension]` float32, the heads of one position.
  ///   - rotation: of that position; its memory is apart from `heads`.
  public func rotate(
    _ heads: UnsafeMutablePointer<Float>, count: Int, headDimension: Int, by rotation: HeadRotation
  ) {
    let (pairs, distance) = (rotation.pairs, rotation.distance)
    let (cosines, sines) = (rotation.cosines, rotation.sines)
    switch rotation.layout {
    case .halves:
      precondition(
        pairs <= distance && distance + pairs <= headDimension, "no more pairs than a head has")
      table.rotate_halves(count, headDimension, pairs, distance, cosines, sines, heads)
    case .adjacent:
      precondition(2 * pairs <= headDimension, "no more pairs than a head has")
      table.rotate_pairs(count, headDimension, pairs, cosines, sines, heads)
    }
  }

  /// RMSNorm (Zhang and Sennrich 2019) of each head: `x / sqrt(mean(x²) + epsilon) * weight`, with
  /// the bits of `rmsNorm` in fp32 precision.
  ///
  /// - Parameters:
  ///   - heads: `[count][headDimension]` float32.
  ///   - weight: `[headDimension]`, the same for all heads.
  public func normalizeHeads(
    _ heads: UnsafeMutablePointer<Float>, count: Int, headDimension: Int,
    weight: UnsafePointer<Float>, epsilon: Float
  ) {
    table.head_norm(count, headDimension, weight, epsilon, heads)
  }
}
