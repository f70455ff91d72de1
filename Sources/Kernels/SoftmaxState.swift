import CKernels
import Glibc

// The state of an online softmax (Milakov and Gimelshein 2018) whose running maximum is rounded up
// to an integer M, so that merging multiplies by powers of two. Goals, in this order: the same bits
// in any order of blocks; then speed.
//
// For the keys seen so far, with scores s in base 2: M = ceil(max s), l = Σ p, o = Σ p·v, p = 2^(s
// − M). Two states merge under the larger M; the other side is multiplied by 2^(its M − M), which
// is exact. Block partials are float32, so their sum in Float64 is exact but for bits far below
// what the final rounding keeps. The empty state is M = −∞, l = 0, o = 0, and is the identity of
// the merge.

/// Rows of softmax states, one for every query token and head: `[headDimension]` Float64 o behind a
/// header of 8, of which the first is M, the second l, the others fill a cache line.
public struct SoftmaxState {
  static let header = Int(RF_STATE_HEADER)

  /// Float64 elements of one row.
  public static func rowElements(headDimension: Int) -> Int { header + headDimension }

  public static func clear(_ rows: UnsafeMutablePointer<Double>, count: Int, headDimension: Int) {
    let elements = rowElements(headDimension: headDimension)
    rows.update(repeating: 0, count: count * elements)
    for row in 0..<count { rows[row * elements] = -.infinity }
  }

  /// What a merge multiplies the state and the newcomer by, and the M that both then have.
  static func factors(_ maximum: Double, _ newcomer: Double) -> (
    maximum: Double, state: Double, newcomer: Double
  ) {
    if newcomer == -.infinity { return (maximum, 1, 0) }
    if maximum == -.infinity { return (newcomer, 0, 1) }
    let larger = max(maximum, newcomer)
    return (larger, powerOfTwo(maximum - larger), powerOfTwo(newcomer - larger))
  }

  private static func powerOfTwo(_ exponent: Double) -> Double {
    // Not a number where a score was infinite or none: it goes on to the outputs.
    guard !exponent.isNaN else { return .nan }
    return exponent < -1022 ? 0 : scalbn(1, Int32(exponent))
  }

  /// Merges one row into another.
  public static func merge(
    _ row: UnsafePointer<Double>, into state: UnsafeMutablePointer<Double>, headDimension: Int
  ) {
    let by = factors(state[0], row[0])
    state[0] = by.maximum
    state[1] = state[1] * by.state + row[1] * by.newcomer
    for j in header..<header + headDimension {
      state[j] = state[j] * by.state + row[j] * by.newcomer
    }
  }
}

extension Arithmetic {
  /// o / l of one state, rounded once to the matrix input type: `[headDimension]`; zeros if the
  /// state is empty.
  public func finish(
    _ state: UnsafePointer<Double>, headDimension: Int, into output: UnsafeMutableRawPointer
  ) {
    inputKernels.finish(
      state + SoftmaxState.header, headDimension, state[1] > 0 ? state[1] : 1, output)
  }
}
