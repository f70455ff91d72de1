import CKernels

/// What is done to the heads of one token before attention, in float32, in place and by the calling
/// thread.
extension Arithmetic {
  /// RoPE (Su and others 2021, arXiv:2104.09864): of each row, the two elements of pair number `i`
  /// turn by the angle number `i`.
  ///
  /// The products and their sum or difference are each rounded to float32, so every instruction set
  /// gives the same bits. Elements from `2 * pairs` on stay as they are.
  ///
  /// - Parameters:
  ///   - heads: `[count][headDimension]` float32, the heads of one position.
  ///   - cosines: `[pairs]`, of that position's angles, as `sines`; apart from `heads`.
  ///   - pairs: at most `headDimension / 2`.
  ///   - layout: where the two elements of a pair stand.
  public func rotate(
    _ heads: UnsafeMutablePointer<Float>, count: Int, headDimension: Int,
    cosines: UnsafePointer<Float>, sines: UnsafePointer<Float>, pairs: Int,
    layout: RotationLayout = .halves
  ) {
    precondition(2 * pairs <= headDimension, "no more pairs than a head has")
    switch layout {
    case .halves: table.rotate_halves(count, headDimension, pairs, cosines, sines, heads)
    case .adjacent: table.rotate_pairs(count, headDimension, pairs, cosines, sines, heads)
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
