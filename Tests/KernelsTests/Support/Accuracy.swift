import Foundation
import Kernels

/// ‖values‖, the root of the sum of squares.
func norm(_ values: [Double]) -> Double {
  values.reduce(0) { $0 + $1 * $1 }.squareRoot()
}

/// ‖values − exact‖ / ‖exact‖, or NaN if any value is.
func relativeError(_ values: [Float], _ exact: [Double]) -> Double {
  precondition(values.count == exact.count)
  return norm(zip(values, exact).map { Double($0) - $1 }) / max(norm(exact), .leastNormalMagnitude)
}

/// What a naive computation may lose and still count as right: a unit in the last place of float32.
let float32Floor = 0x1p-23

/// Attention of one token as a plain float32 program computes it, to know what that loses.
///
/// - Parameters:
///   - query: `[queryHeads][headDimension]` of the token at `position`.
///   - keys: `[positions][keyValueHeads][headDimension]`, as `values`.
/// - Returns: `[queryHeads][headDimension]`.
func naiveFloat32Attention(
  query: [Float], keys: [Float], values: [Float], shape: AttentionShape, mask: AttentionMask,
  position: Int
) -> [Float] {
  let d = shape.headDimension
  let scale = Float(shape.scale)
  let first = mask.slidingWindow.map { max(0, position + 1 - $0) } ?? 0
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
    let maximum = scores.max()!
    var sum: Float = 0
    for (key, score) in zip(first...position, scores) {
      let p = expf(score - maximum)
      sum += p
      for j in 0..<d { output[head * d + j] += p * values[start(key) + j] }
    }
    for j in 0..<d { output[head * d + j] /= sum }
  }
  return output
}
