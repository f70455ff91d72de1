import Foundation
import Kernels

/// Attention by its definition, in Float64: the frozen twin of the fast paths.
///
/// softmax(q·kᵀ · scale, capped) · v over the visible keys, every score computed before any is used;
/// a sink is one more score, whose value is 0.
package struct ReferenceAttention {
  package let shape: AttentionShape
  package let pattern: AttentionPattern
  /// `[queryHeads]`; empty for none.
  package let sinks: [Float]

  package init(_ shape: AttentionShape, _ pattern: AttentionPattern, sinks: [Float] = []) {
    self.shape = shape
    self.pattern = pattern
    self.sinks = sinks
  }

  /// - Parameters:
  ///   - queries: `[tokens][queryHeads][headDimension]`; the first token has position
  ///     `firstPosition`.
  ///   - keys: `[positions][keyValueHeads][headDimension]`, as `values`.
  ///   - rounding: applied to every softmax numerator of a key: identity for the exact result,
  ///     rounding to bf16 for what a naive computation in that precision loses.
  /// - Returns: `[tokens][queryHeads][headDimension]`.
  package func attend(
    queries: [Float], keys: [Float], values: [Float], firstPosition: Int = 0,
    rounding: (Double) -> Double = { $0 }
  ) -> [Double] {
    let d = shape.headDimension
    let tokens = queries.count / (shape.queryHeads * d)
    var output = [Double](repeating: 0, count: queries.count)
    for token in 0..<tokens {
      let position = firstPosition + token
      let first = pattern.slidingWindow.map { max(0, position + 1 - $0) } ?? 0
      for head in 0..<shape.queryHeads {
        let query = (token * shape.queryHeads + head) * d
        let keyHead = head / shape.groupSize
        func start(_ key: Int) -> Int { (key * shape.keyValueHeads + keyHead) * d }
        let scores = (first...position).map { key in
          let dot = (0..<d).reduce(0.0) {
            $0 + Double(queries[query + $1]) * Double(keys[start(key) + $1])
          }
          guard let cap = shape.softCap else { return dot * shape.scale }
          return cap * tanh(dot * shape.scale / cap)
        }
        let sink = sinks.isEmpty ? -.infinity : Double(sinks[head])
        let maximum = max(scores.max()!, sink)
        let numerators = scores.map { rounding(exp($0 - maximum)) }
        let sum = numerators.reduce(exp(sink - maximum), +)
        for (key, p) in zip(first...position, numerators) {
          for j in 0..<d { output[query + j] += p / sum * Double(values[start(key) + j]) }
        }
      }
    }
    return output
  }

  /// The floating-point operations of queries at `positions`: for each key that one sees, a
  /// multiplication and an addition for every element of the score, and as many of the weighted sum.
  package static func flops(
    positions: Range<Int>, shape: AttentionShape, pattern: AttentionPattern
  ) -> Double {
    var pairs = 0
    for query in positions {
      for key in 0...query where pattern.slidingWindow.map({ key > query - $0 }) ?? true {
        pairs += 1
      }
    }
    return Double(pairs * shape.queryHeads * shape.headDimension * (2 + 2))
  }

  /// Attention of one token as a plain float32 program computes it, to know what that loses.
  ///
  /// - Parameters:
  ///   - query: `[queryHeads][headDimension]` of the token at `position`.
  ///   - keys: `[positions][keyValueHeads][headDimension]`, as `values`.
  /// - Returns: `[queryHeads][headDimension]`.
  package func attendInFloat32(
    query: [Float], keys: [Float], values: [Float], position: Int
  ) -> [Float] {
    let d = shape.headDimension
    let scale = Float(shape.scale)
    let first = pattern.slidingWindow.map { max(0, position + 1 - $0) } ?? 0
    var output = [Float](repeating: 0, count: query.count)
    for head in 0..<shape.queryHeads {
      func start(_ key: Int) -> Int { (key * shape.keyValueHeads + head / shape.groupSize) * d }
      var scores: [Float] = []
      for key in first...position {
        var score: Float = 0
        for j in 0..<d { score += query[head * d + j] * keys[start(key) + j] }
        guard let cap = shape.softCap.map(Float.init) else {
          scores.append(score * scale)
          continue
        }
        scores.append(cap * tanhf(score * scale / cap))
      }
      let sink = sinks.isEmpty ? -.infinity : sinks[head]
      let maximum = max(scores.max()!, sink)
      var sum = expf(sink - maximum)
      for (key, score) in zip(first...position, scores) {
        let p = expf(score - maximum)
        sum += p
        for j in 0..<d { output[head * d + j] += p * values[start(key) + j] }
      }
      for j in 0..<d { output[head * d + j] /= sum }
    }
    return output
  }
}
