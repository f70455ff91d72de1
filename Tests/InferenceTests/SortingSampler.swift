import Foundation
import Inference
import Kernels

/// The plain twin of `Sampler`: counts what came before, and sorts the whole vocabulary, for each token.
struct SortingSampler {
  private let parameters: SamplingParameters
  private var generator: SplitMix64
  /// Tokens of the context and the prompt.
  private let before: [Int32]
  private var answer: [Int32] = []

  init(_ parameters: SamplingParameters, before: [Int32] = []) {
    self.parameters = parameters
    self.before = before
    generator = SplitMix64(seed: parameters.seed)
  }

  /// - Parameter logits: at least one; none is NaN.
  mutating func next(_ logits: [Float]) -> Int32 {
    let token = choose(Self.penalized(logits, before, answer, parameters.penalties))
    answer.append(token)
    return token
  }

  private mutating func choose(_ logits: [Float]) -> Int32 {
    guard parameters.temperature > 0 else { return Int32(Self.order(logits)[0]) }
    let kept = Self.kept(logits, parameters)
    var remaining = generator.nextUniform() * kept.map(\.weight).reduce(0, +)
    for (token, weight) in kept {
      remaining -= weight
      if remaining < 0 { return Int32(token) }
    }
    return Int32(kept.last!.token)
  }

  /// By falling logit, of equal ones the lower id first.
  private static func order(_ logits: [Float]) -> [Int] {
    logits.indices.sorted { logits[$0] != logits[$1] ? logits[$0] > logits[$1] : $0 < $1 }
  }

  /// Each token by itself, as its penalties are defined.
  static func penalized(
    _ logits: [Float], _ before: [Int32], _ answer: [Int32], _ penalties: TokenPenalties
  ) -> [Float] {
    logits.enumerated().map { token, logit in
      let count = answer.count { $0 == token }
      var result = logit
      if count > 0 || before.contains(Int32(token)), penalties.repetition != 1 {
        let penalty = Float(penalties.repetition)
        result = result < 0 ? result * penalty : result / penalty
      }
      guard count > 0 else { return result }
      result -= Float(penalties.frequency) * Float(count)
      return result - Float(penalties.presence)
    }
  }

  /// The tokens that may be drawn, in the order in which their weights fall.
  static func kept(
    _ logits: [Float], _ parameters: SamplingParameters
  ) -> [(token: Int, weight: Double)] {
    var order = order(logits)
    if parameters.topK > 0 { order = Array(order.prefix(parameters.topK)) }
    let largest = Double(logits[order[0]])
    let weights = order.map { exp((Double(logits[$0]) - largest) / parameters.temperature) }
    var count = nucleus(weights, probability: parameters.topP)
    while count > 1, weights[count - 1] < parameters.minP * weights[0] { count -= 1 }
    return Array(zip(order, weights).prefix(count))
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
