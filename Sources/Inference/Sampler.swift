import Foundation
import Kernels

/// How the next token is chosen.
public struct SamplingParameters: Sendable, Equatable, Codable {
  /// 0: the most likely token always.
  public var temperature: Double
  /// Only the K most likely tokens; 0: all.
  public var topK: Int
  /// Only the most likely tokens whose probabilities reach P together; 1: all.
  public var topP: Double
  public var seed: UInt64

  public init(temperature: Double = 0, topK: Int = 0, topP: Double = 1, seed: UInt64 = 0) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.seed = seed
  }
}

/// Chooses tokens; the same logits and seed give the same tokens on every machine whose logits are
/// the same.
public struct Sampler: Sendable {
  public let parameters: SamplingParameters
  private var generator: SplitMix64

  public init(_ parameters: SamplingParameters) {
    self.parameters = parameters
    generator = SplitMix64(seed: parameters.seed)
  }

  /// - Parameter logits: `[vocabularySize]`, at least one.
  public mutating func next(_ logits: UnsafeBufferPointer<Float>) -> Int32 {
    guard parameters.temperature > 0 else { return Self.mostLikely(logits) }
    // By falling logit, of equal ones the lower id first, so that the cut is always the same.
    var order = logits.indices.sorted {
      logits[$0] != logits[$1] ? logits[$0] > logits[$1] : $0 < $1
    }
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

  /// The first of the largest; a NaN counts as less than every number.
  private static func mostLikely(_ logits: UnsafeBufferPointer<Float>) -> Int32 {
    var best = 0
    for index in logits.indices where logits[index] > logits[best] || logits[best].isNaN {
      best = index
    }
    return Int32(best)
  }

  /// How many of the falling weights reach `probability` of their sum (Holtzman et al. 2020); at
  /// least one.
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
