import Foundation
import Kernels
import TestSupport
import Testing

/// The twin of attention against cases that are worked out by hand.
@Suite struct ReferenceAttentionTests {
  private struct Case {
    var queries: [Float]
    var keys: [Float]
    var values: [Float]
    var shape = AttentionShape(queryHeads: 1, keyValueHeads: 1, headDimension: 1)
    var window: Int?
    var firstPosition = 0
    var sinks: [Float] = []

    private var reference: ReferenceAttention {
      ReferenceAttention(shape, AttentionPattern(slidingWindow: window), sinks: sinks)
    }

    func exact(rounding: (Double) -> Double = { $0 }) -> [Double] {
      reference.attend(
        queries: queries, keys: keys, values: values, firstPosition: firstPosition,
        rounding: rounding)
    }

    /// Expects that both ways to compute it give this, `[tokens][queryHeads][headDimension]`.
    func expect(_ expected: [Double], sourceLocation: SourceLocation = #_sourceLocation) {
      let row = shape.queryHeads * shape.headDimension
      let single = stride(from: 0, to: queries.count, by: row).flatMap { start in
        reference.attendInFloat32(
          query: Array(queries[start..<start + row]), keys: keys, values: values,
          position: firstPosition + start / row)
      }
      for (output, tolerance) in [(exact(), 1e-12), (single.map(Double.init), 1e-6)] {
        #expect(output.count == expected.count, sourceLocation: sourceLocation)
        for (output, expected) in zip(output, expected) {
          #expect(abs(output - expected) < tolerance, sourceLocation: sourceLocation)
        }
      }
    }
  }

  /// Of equal scores, the output is the mean of what is seen.
  @Test func equalScoresGiveTheMean() {
    var attention = Case(queries: [0, 0, 0], keys: [1, -2, 5], values: [1, 3, 8])
    attention.expect([1, 2, 4])
    attention.window = 2
    attention.expect([1, 2, 5.5])
    attention.window = 1
    attention.expect([1, 3, 8])
    attention.queries = [0]
    attention.firstPosition = 1
    attention.window = nil
    attention.expect([2])
  }

  /// Scores 0 and ln 2 weigh 1 to 2, be it by the keys or by the scale.
  @Test func weightsAreTheExponentialsOfTheScores() {
    let log2 = Float(log(2.0))
    var attention = Case(queries: [0, 1], keys: [0, log2], values: [3, 6])
    // ln 2 as a single is 2e-8 from ln 2.
    let exact = 3 + 3 / (1 + exp(-Double(log2)))
    #expect(abs(exact - 5) < 1e-7)
    attention.expect([3, exact])
    attention.keys = [0, 2 * log2]
    attention.shape = AttentionShape(
      queryHeads: 1, keyValueHeads: 1, headDimension: 1, scale: 0.5)
    attention.expect([3, exact])
  }

  /// 2 · tanh(ln 3 / 2) = 1.
  @Test func aSoftCapBendsTheScores() {
    var attention = Case(queries: [0, 1], keys: [0, Float(log(3.0))], values: [0, 1])
    attention.shape = AttentionShape(
      queryHeads: 1, keyValueHeads: 1, headDimension: 1, softCap: 2)
    let score = 2 * tanh(Double(attention.keys[1]) / 2)
    #expect(abs(score - 1) < 1e-7)
    attention.expect([0, 1 / (1 + exp(-score))])
  }

  /// Four query heads, of which two share a key head; each head has two elements.
  @Test func headsOfAGroupShareKeysAndValues() {
    var attention = Case(
      queries: [0, 0, 2000, 0, 0, 0, 0, 2000], keys: [1, 0, 0, 1, 0, 1, 1, 0],
      values: [1, 2, 10, 20, 3, 4, 30, 40])
    attention.shape = AttentionShape(queryHeads: 4, keyValueHeads: 2, headDimension: 2)
    attention.firstPosition = 1
    // Heads 1 and 3 see the first token's key alone, so far are its scores above the other's.
    attention.expect([2, 3, 1, 2, 20, 30, 10, 20])
  }

  /// With scores of 0, a sink of 0 weighs as much as a key does, and one of ln 2 as two; what it takes
  /// is lost.
  @Test func aSinkIsAScoreWithoutAValue() {
    var attention = Case(queries: [0, 0, 0], keys: [1, -2, 5], values: [1, 3, 8], sinks: [0])
    attention.expect([0.5, 4.0 / 3, 3])
    attention.window = 1
    attention.expect([0.5, 1.5, 4])
    attention.sinks = [Float(log(2.0))]
    #expect(abs(attention.exact()[0] - 1.0 / 3) < 1e-7)
    attention.sinks = [-200]
    attention.expect([1, 3, 8])
    attention.sinks = [200]
    attention.expect([0, 0, 0])
  }

  /// Rounded numerators weigh the values and make up the sum.
  @Test func roundingIsAppliedToNumerators() {
    let attention = Case(queries: [1], keys: [0, 1, 2], values: [1, 5, 9], firstPosition: 2)
    #expect(attention.exact { _ in 1 } == [5])
    #expect(attention.exact { $0 < 0.9 ? 0 : $0 } == [9])
  }
}
