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

//
// In bf16 precision "far below" means that a different order shows in one of 2^44 outputs. In fp32
// it would be one of 2^28 wherever scores spread so far that Float64 sums round, and a long prefill
// has more outputs than that. There every sum carries the rest that its rounding lost (Knuth's
// two-sum), which makes it one of 2^75.

/// Rows of softmax states, one for every query token and head.
///
/// A row is a header of 8 Float64 (M, l, the rest of l, and what fills a cache line), then o
/// `[headDimension]`, then in fp32 precision the rest of o `[headDimension]`.
public struct SoftmaxStateLayout: Sendable, Equatable {
  public let headDimension: Int
  /// Whether l and o have a rest.
  public let isCompensated: Bool

  static let header = Int(RF_STATE_HEADER)

  public init(headDimension: Int, isCompensated: Bool) {
    self.headDimension = headDimension
    self.isCompensated = isCompensated
  }

  /// Float64 elements of one row.
  public var rowElements: Int { Self.header + headDimension * (isCompensated ? 2 : 1) }

  /// Makes rows empty: M = −∞, all else 0.
  public func clear(_ rows: UnsafeMutablePointer<Double>, count: Int) {
    rows.update(repeating: 0, count: count * rowElements)
    for row in 0..<count { rows[row * rowElements] = -.infinity }
  }

  /// Merges one row into another.
  public func merge(_ row: UnsafePointer<Double>, into state: UnsafeMutablePointer<Double>) {
    let by = Self.factors(state[0], row[0])
    state[0] = by.maximum
    addSum(row[1], rest: row[2], to: state, by: by)
    let o = Self.header..<Self.header + headDimension
    guard isCompensated else {
      for j in o { state[j] = state[j] * by.state + row[j] * by.newcomer }
      return
    }
    for j in o {
      let (sum, rest) = twoSum(state[j] * by.state, row[j] * by.newcomer)
      let k = j + headDimension
      state[j] = sum
      state[k] = state[k] * by.state + row[k] * by.newcomer + rest
    }
  }

  /// What a merge multiplies the state and the newcomer by, and the M that both then have.
  struct Factors {
    let maximum: Double
    let state: Double
    let newcomer: Double
  }

  static func factors(_ maximum: Double, _ newcomer: Double) -> Factors {
    if newcomer == -.infinity { return Factors(maximum: maximum, state: 1, newcomer: 0) }
    if maximum == -.infinity { return Factors(maximum: newcomer, state: 0, newcomer: 1) }
    let larger = max(maximum, newcomer)
    return Factors(
      maximum: larger, state: powerOfTwo(maximum - larger), newcomer: powerOfTwo(newcomer - larger))
  }

  /// Adds a newcomer's l, and its rest, to the state's.
  func addSum(
    _ newcomer: Double, rest: Double, to state: UnsafeMutablePointer<Double>, by: Factors
  ) {
    guard isCompensated else {
      state[1] = state[1] * by.state + newcomer * by.newcomer
      return
    }
    let (sum, lost) = twoSum(state[1] * by.state, newcomer * by.newcomer)
    state[1] = sum
    state[2] = state[2] * by.state + rest * by.newcomer + lost
  }

  private static func powerOfTwo(_ exponent: Double) -> Double {
    // Not a number where a score was infinite or none: it goes on to the outputs.
    guard !exponent.isNaN else { return .nan }
    return exponent < -1022 ? 0 : scalbn(1, Int32(exponent))
  }
}

/// The rounded sum and what the rounding lost, exactly (Knuth, The Art of Computer Programming 2,
/// 4.2.2, theorem B).
@inline(__always)
package func twoSum(_ a: Double, _ b: Double) -> (sum: Double, rest: Double) {
  let sum = a + b
  let seen = sum - a
  return (sum, (a - (sum - seen)) + (b - seen))
}

extension Arithmetic {
  /// How the states of this arithmetic lie, o being padded.
  public func stateLayout(headDimension: Int) -> SoftmaxStateLayout {
    SoftmaxStateLayout(
      headDimension: AttentionShape.padded(headDimension), isCompensated: precision == .fp32)
  }

  /// o / l of one state, rounded once to the matrix input type: `[headDimension]`; zeros if the
  /// state is empty.
  public func finish(
    _ state: UnsafePointer<Double>, headDimension: Int, into output: UnsafeMutableRawPointer
  ) {
    let o = state + SoftmaxStateLayout.header
    let sum = state[1] + state[2]
    inputKernels.finish(
      o, precision == .fp32 ? o + AttentionShape.padded(headDimension) : nil, headDimension,
      sum > 0 ? sum : 1, output)
  }
}
