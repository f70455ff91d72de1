import Foundation
import Inference
import Kernels

/// The plain twin of `Sampler`: sorts the whole vocabulary for each token.
struct SortingSampler {
  private let parameters: SamplingParameters
  private var generator: SplitMix64

  init(_ parameters: SamplingParameters) {
    self.parameters = parameters
    generator = SplitMix64(seed: parameters.seed)
  }

  /// - Parameter logits: at least one; none is NaN.
  mutating func next(_ logits: [Float]) -> Int32 {
    // By falling logit, of equal ones the lower id first.
    var order = logits.indices.sorted {
      logits[$0] != logits[$1] ? logits[$0] > logits[$1] : $0 < $1
    }
    guard parameters.temperature > 0 else { return Int32(order[0]) }
    if parameters.topK > 0 { order = Array(order.prefix(parameters.topK)) }
    let largest = Double(logits[order[0]])
    let weights = order.map { exp((Double(logits[$0]) - largest) / parameters.temperature) }
    let kept = Self.nucleus(weights, probability: parameters.topP)
    var remaining = generator.nextUniform() * weights.prefix(kept).reduce(0, +)
    for index in 0..<kept {
      remaining -= weights[index]
      if remaining < 0 { return Int32(order[index]) }
    }
    return Int32(order[kept - 1])
  }

  private static func nucleus(_ weights: [Double], probability: Double) -> Int {
    guard probability < 1 else { return weights.count }
    let wanted = weights.reduce(0, +) * probability
    var sum = 0.0
    for (index, weight) in weights.enumerated() {
      sum += weight
      if sum >= wanted { return index + 1 }
    }
    return weights.count
  }
}
