// Rotary position embeddings (Su et al., "RoFormer", arXiv:2104.09864), in the rotate-half layout:
// coordinates j and j + d/2 of a head's row of d elements are one pair, turned at position t by the
// angle t · θ^(−2j/d). The score of a query and a key then depends on their distance alone.
//
// Goals, in this order: the same bits for a position wherever and in whatever company it is
// computed; accuracy at positions in the millions, where an angle in float32 would have no correct
// digit after the point; speed. So angles are Float64 and their cosines and sines are rounded to
// Float once.

import Foundation

/// The rotations of one head dimension at all positions.
public struct RoPE: Sendable {
  /// `[headDimension/2]`, radians a token: θ^(−2j/headDimension).
  public let inverseFrequencies: [Double]

  /// - Parameter headDimension: even.
  public init(_ parameters: RoPEParameters, headDimension: Int) {
    precondition(headDimension >= 2 && headDimension % 2 == 0, "RoPE rotates pairs")
    inverseFrequencies = (0..<headDimension / 2).map {
      pow(parameters.theta, -2 * Double($0) / Double(headDimension))
    }
  }

  public var headDimension: Int { 2 * inverseFrequencies.count }

  /// The cosine and sine of pair `pair`'s angle at `position`, counted from the start of the whole
  /// sequence.
  public func rotation(ofPair pair: Int, at position: Int) -> (cosine: Float, sine: Float) {
    let angle = Double(position) * inverseFrequencies[pair]
    return (Float(cos(angle)), Float(sin(angle)))
  }

  /// Rotates one head's row `[headDimension]` in place. For many rows use a `RoPETable`, which
  /// gives the same bits.
  public func rotate(_ row: inout [Float], at position: Int) {
    precondition(row.count == headDimension, "a row of one head")
    let half = headDimension / 2
    for pair in 0..<half {
      let (cosine, sine) = rotation(ofPair: pair, at: position)
      let (first, second) = (row[pair], row[pair + half])
      row[pair] = first * cosine - second * sine
      row[pair + half] = second * cosine + first * sine
    }
  }
}
