// Which experts a token goes to. Goals, in this order: the same choice for a token wherever it is made;
// that it is the one that exact arithmetic would make; speed.
//
// Scores are float32 in every precision: one that is rounded to bfloat16 would often choose another
// expert. What follows from them is computed in Float64 and rounded once. Of equal experts the one with
// the lower number goes first, so that nothing depends on how they are sorted; a score that is not a
// number is the least.

import Foundation
import Kernels

/// What a mixture's router has beside its configuration.
public struct Router: Sendable {
  /// `[experts][hiddenSize]`, and behind it `[1][hiddenSize]`, the gate of the shared expert, where that
  /// has one.
  public let scores: LinearGroup
  /// `[experts]`, what is added to a sigmoid to choose experts; empty for nothing.
  public let correctionBias: [Float]
  /// `[hiddenSize]`, the RMSNorm of what it reads; empty where it reads what the experts read.
  public let norm: [Float]
  /// `[experts]`, what an expert's weight is multiplied by; empty for nothing.
  public let expertFactors: [Float]

  public init(
    _ matrix: WeightMatrix, sharedGate: WeightMatrix? = nil, correctionBias: [Float] = [],
    norm: [Float] = [], expertFactors: [Float] = []
  ) {
    scores = sharedGate.map { LinearGroup(matrix, $0) } ?? LinearGroup(matrix)
    self.correctionBias = correctionBias
    self.norm = norm
    self.expertFactors = expertFactors
  }

  var vectorElements: Int { correctionBias.count + norm.count + expertFactors.count }

  /// The experts of one token.
  ///
  /// - Parameters:
  ///   - scores: `[experts]` float32; overwritten.
  ///   - chosen: takes `[expertsPerToken]`, the best first.
  ///   - weights: takes `[expertsPerToken]`: what each one's outputs are multiplied with.
  ///   - scratch: `[2 · experts]`
  package func choose(
    _ mixture: MixtureConfiguration, scores: UnsafeMutablePointer<Float>,
    chosen: UnsafeMutablePointer<Int32>, weights: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Double>
  ) {
    let experts = 0..<mixture.experts
    for expert in experts where scores[expert].isNaN { scores[expert] = -.infinity }
    let routing = mixture.routing
    switch routing.scoring {
    case .softmax:
      // It ascends with the score.
      best(of: experts, count: mixture.expertsPerToken, into: chosen) { Double(scores[$0]) }
      let maximum = Double(scores[Int(chosen[0])])
      func power(_ expert: Int) -> Double { exp(Double(scores[expert]) - maximum) }
      let sum = routing.isNormalized ? nil : experts.reduce(0) { $0 + power($1) }
      finish(mixture, chosen, weights, sum: sum, power)
    case .sigmoid:
      func sigmoid(_ expert: Int) -> Double { 1 / (1 + exp(-Double(scores[expert]))) }
      for expert in experts {
        scratch[expert] =
          sigmoid(expert) + (correctionBias.isEmpty ? 0 : Double(correctionBias[expert]))
      }
      excludeGroups(mixture, scratch)
      best(of: experts, count: mixture.expertsPerToken, into: chosen) { scratch[$0] }
      finish(mixture, chosen, weights, sum: routing.isNormalized ? nil : 1, sigmoid)
    }
  }

  /// Leaves only the best groups of experts in the choice.
  ///
  /// - Parameter choice: `[experts]`, and room for as much behind it.
  private func excludeGroups(
    _ mixture: MixtureConfiguration, _ choice: UnsafeMutablePointer<Double>
  ) {
    let (groups, kept) = (mixture.routing.groups, mixture.routing.groupsPerToken)
    guard kept < groups else { return }
    let size = mixture.experts / groups
    let sums = choice + mixture.experts
    for group in 0..<groups {
      var (first, second) = (-Double.infinity, -Double.infinity)
      for expert in group * size..<(group + 1) * size {
        if choice[expert] > first {
          (first, second) = (choice[expert], first)
        } else if choice[expert] > second {
          second = choice[expert]
        }
      }
      sums[group] = first + second
    }
    // A group has two experts at least, so there is room.
    let order = UnsafeMutableRawPointer(sums + groups).bindMemory(to: Int32.self, capacity: groups)
    best(of: 0..<groups, count: groups, into: order) { sums[$0] }
    for group in kept..<groups {
      let excluded = Int(order[group]) * size
      for expert in excluded..<excluded + size { choice[expert] = -.infinity }
    }
  }

  /// The greatest ones, in descending order; of equal ones the one with the lower number goes first.
  private func best(
    of candidates: Range<Int>, count: Int, into chosen: UnsafeMutablePointer<Int32>,
    _ value: (Int) -> Double
  ) {
    var kept = 0
    for candidate in candidates {
      let own = value(candidate)
      if kept == count, !(own > value(Int(chosen[count - 1]))) { continue }
      var place = min(kept, count - 1)
      while place > 0, own > value(Int(chosen[place - 1])) {
        chosen[place] = chosen[place - 1]
        place -= 1
      }
      chosen[place] = Int32(candidate)
      kept = min(kept + 1, count)
    }
  }

  /// The weights of the chosen ones.
  ///
  /// - Parameter sum: what they are divided by; nil for their own sum.
  private func finish(
    _ mixture: MixtureConfiguration, _ chosen: UnsafeMutablePointer<Int32>,
    _ weights: UnsafeMutablePointer<Float>, sum: Double?, _ value: (Int) -> Double
  ) {
    let count = mixture.expertsPerToken
    // What DeepSeek's code adds, so that nothing is divided by 0.
    let divisor = sum ?? (0..<count).reduce(1e-20) { $0 + value(Int(chosen[$1])) }
    for index in 0..<count {
      let expert = Int(chosen[index])
      let factor = expertFactors.isEmpty ? 1 : Double(expertFactors[expert])
      weights[index] = Float(value(expert) / divisor * mixture.routing.scale * factor)
    }
  }
}
