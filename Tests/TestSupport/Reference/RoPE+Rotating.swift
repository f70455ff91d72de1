import Transformer

extension RoPE {
  /// Rotates one head's row `[headDimension]` in place, pair by pair: the plain twin of a
  /// `RoPETable`, which gives the same bits.
  package func rotate(_ row: inout [Float], at position: Int, contextTokens: Int = 0) {
    precondition(row.count == headDimension, "a row of one head")
    for pair in 0..<pairs {
      let (cosine, sine) = rotation(ofPair: pair, at: position, contextTokens: contextTokens)
      let (i, j) = places(ofPair: pair)
      let (first, second) = (row[i], row[j])
      row[i] = first * cosine - second * sine
      row[j] = second * cosine + first * sine
    }
  }

  /// Where the two elements of a pair stand in a head's row.
  package func places(ofPair pair: Int) -> (first: Int, second: Int) {
    parameters.layout == .halves ? (pair, pair + pairDistance) : (2 * pair, 2 * pair + 1)
  }
}
