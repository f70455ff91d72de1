import Glibc

// A sink (Xiao et al. 2023, arXiv:2309.17453; as learned scores in gpt-oss) is a score of a head that
// takes part in the softmax of every query and has no value: one more state with o = 0, which is
// merged as the state of a block is. With s the score in base 2, M = ceil(s) and l = 2^(s − M).

/// The learned scores of one layer's heads that take part in the softmax and have no value.
public struct AttentionSinks: Sendable, Equatable {
  /// Of a layer without.
  public static let none = AttentionSinks([])

  /// M and l of a state whose o is 0.
  struct State: Sendable, Equatable {
    let maximum: Double
    let sum: Double
  }

  /// `[queryHeads]`; empty for none.
  let states: [State]

  /// - Parameter scores: `[queryHeads]`, as scores are after their scale; empty for none.
  public init(_ scores: [Float]) {
    let log2e = 1.4426950408889634
    states = scores.map {
      let score = Double($0) * log2e
      let maximum = score.rounded(.up)
      // The one score that has no difference to itself: it is the identity of the merge.
      return State(maximum: maximum, sum: maximum == -.infinity ? 0 : exp2(score - maximum))
    }
  }

  public var isEmpty: Bool { states.isEmpty }
  public var count: Int { states.count }

  /// What a head's sink adds to l under another M; infinite where it is far above that, 0 where there
  /// is none.
  public func share(ofHead head: Int, under maximum: Double) -> Double {
    let sink = states[head]
    let exponent = sink.maximum - maximum
    guard maximum.isFinite, exponent.isFinite else { return 0 }
    return scalbn(sink.sum, Int32(min(max(exponent, -2000), 2000)))
  }
}

extension SoftmaxStateLayout {
  /// Merges the sink of a row's head into the row: once, when all that the row sees is merged.
  ///
  /// Nothing where there are no sinks.
  ///
  /// - Parameter head: the number of the query head.
  public func merge(
    _ sinks: AttentionSinks, ofHead head: Int, into state: UnsafeMutablePointer<Double>
  ) {
    guard !sinks.isEmpty else { return }
    let sink = sinks.states[head]
    let by = Self.factors(state[0], sink.maximum)
    state[0] = by.maximum
    addSum(sink.sum, rest: 0, to: state, by: by)
    // A factor that is not a number, of a sink that is none, goes on to the outputs.
    let factor = by.state + 0 * by.newcomer
    guard factor != 1 else { return }
    for j in Self.header..<rowElements { state[j] *= factor }
  }
}
