/// Attention by its definition, in Float64: the frozen twin of the fast paths.
///
/// softmax(q·kᵀ · scale, capped) · v over the visible keys, every score computed before any is used.
public enum ReferenceAttention {
  /// - Parameters:
  ///   - queries: `[tokens][queryHeads][headDimension]`; the first token has position
  ///     `firstPosition`.
  ///   - keys: `[positions][keyValueHeads][headDimension]`, as `values`.
  ///   - rounding: applied to every softmax numerator: identity for the exact result, rounding to
  ///     bf16 for what a naive computation in that precision loses.
  /// - Returns: `[tokens][queryHeads][headDimension]`.
  public static func attend(
    queries: [Float], keys: [Float], values: [Float], shape: AttentionShape, mask: AttentionMask,
    firstPosition: Int = 0, rounding: (Double) -> Double = { $0 }
  ) -> [Double] {
    let d = shape.headDimension
    let tokens = queries.count / (shape.queryHeads * d)
    var output = [Double](repeating: 0, count: queries.count)
    for token in 0..<tokens {
      let position = firstPosition + token
      let first = mask.slidingWindow.map { max(0, position + 1 - $0) } ?? 0
      for head in 0..<shape.queryHeads {
        let query = (token * shape.queryHeads + head) * d
        let keyHead = head / shape.groupSize
        func start(_ key: Int) -> Int { (key * shape.keyValueHeads + keyHead) * d }
        let scores = (first...position).map { key in
          let dot = (0..<d).reduce(0.0) {
            $0 + Double(queries[query + $1]) * Double(keys[start(key) + $1])
          }
          guard let cap = shape.softCap else { return dot * shape.scale }
          return cap * hyperbolicTangent(dot * shape.scale / cap)
        }
        let maximum = scores.max()!
        let numerators = scores.map { rounding(exponential($0 - maximum)) }
        let sum = numerators.reduce(0, +)
        for (key, p) in zip(first...position, numerators) {
          for j in 0..<d { output[query + j] += p / sum * Double(values[start(key) + j]) }
        }
      }
    }
    return output
  }
}
