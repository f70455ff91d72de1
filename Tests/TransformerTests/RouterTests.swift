import Foundation
import Kernels
import Testing
import Transformer

/// Which experts a token goes to, against the definition.
struct RouterTests {
  private static func mixture(
    _ experts: Int, _ perToken: Int, _ routing: RoutingConfiguration
  ) -> MixtureConfiguration {
    MixtureConfiguration(
      experts: experts, expertsPerToken: perToken,
      expert: DenseFeedForwardConfiguration(intermediateSize: 4), routing: routing)
  }

  private static func router(bias: [Float] = [], factors: [Float] = []) -> Router {
    let memory = Numbers()
    return Router(
      WeightMatrix(
        outputs: 1, inputs: 32, format: .bfloat16, elements: memory.start, owner: memory),
      correctionBias: bias, expertFactors: factors)
  }

  private func choose(
    _ mixture: MixtureConfiguration, _ scores: [Float], bias: [Float] = [], factors: [Float] = []
  ) -> (experts: [Int], weights: [Float]) {
    var scores = scores
    var chosen = [Int32](repeating: -1, count: mixture.expertsPerToken)
    var weights = [Float](repeating: .nan, count: mixture.expertsPerToken)
    var scratch = [Double](repeating: 0, count: 2 * mixture.experts)
    Self.router(bias: bias, factors: factors).choose(
      mixture, scores: &scores, chosen: &chosen, weights: &weights, scratch: &scratch)
    return (chosen.map(Int.init), weights)
  }

  @Test func softmaxOfTheBest() {
    let (experts, weights) = choose(Self.mixture(4, 2, .init()), [1, 3, -2, 2])
    #expect(experts == [1, 3])
    let sum = exp(3.0) + exp(2.0)
    #expect(weights == [Float(exp(3.0) / sum), Float(exp(2.0) / sum)])
  }

  @Test func softmaxOverAll() {
    let routing = RoutingConfiguration(isNormalized: false, scale: 2.5)
    let (experts, weights) = choose(
      Self.mixture(4, 2, routing), [1, 3, -2, 2], factors: [1, 1, 1, 0.5])
    #expect(experts == [1, 3])
    let sum = ([1, 3, -2, 2] as [Double]).reduce(0) { $0 + exp($1) }
    #expect(abs(Double(weights[0]) - 2.5 * exp(3) / sum) < 1e-7)
    #expect(abs(Double(weights[1]) - 1.25 * exp(2) / sum) < 1e-7)
  }

  /// Of equal ones the first goes first, wherever they stand.
  @Test func tiesGoToTheLowerNumber() {
    for routing in [
      RoutingConfiguration(), .init(scoring: .sigmoid(hasCorrectionBias: false)),
    ] {
      #expect(choose(Self.mixture(6, 3, routing), [0, 1, 0, 1, 1, 1]).experts == [1, 3, 4])
      #expect(
        choose(Self.mixture(6, 6, routing), [0, 1, 0, 1, 1, 1]).experts == [1, 3, 4, 5, 0, 2])
      #expect(
        choose(Self.mixture(5, 2, routing), [Float](repeating: 0, count: 5)).experts == [0, 1])
    }
  }

  @Test func aBiasChoosesAndWeighsNothing() {
    let routing = RoutingConfiguration(
      scoring: .sigmoid(hasCorrectionBias: true), isNormalized: true, scale: 1.5)
    let (experts, weights) = choose(
      Self.mixture(4, 2, routing), [2, 1, 0, -1], bias: [-1, 0, 0, 1])
    #expect(experts == [3, 1])
    func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
    let sum = sigmoid(-1) + sigmoid(1)
    #expect(weights == [Float(sigmoid(-1) / sum * 1.5), Float(sigmoid(1) / sum * 1.5)])
  }

  @Test func onlyTheBestGroupsCount() {
    let routing = RoutingConfiguration(
      scoring: .sigmoid(hasCorrectionBias: true), groups: 4, groupsPerToken: 2)
    // The best expert of all is in a group whose two best come to little.
    let scores: [Float] = [6, -9, 2, 2, 1, 1, 3, 0.5]
    #expect(
      choose(Self.mixture(8, 3, routing), scores, bias: [Float](repeating: 0, count: 8)).experts
        == [6, 2, 3])
    // Equal groups: the first ones.
    let equal: [Float] = [1, 1, 1, 1, 1, 1, 1, 1]
    #expect(
      choose(Self.mixture(8, 4, routing), equal, bias: [Float](repeating: 0, count: 8)).experts
        == [0, 1, 2, 3])
  }

  /// Any scores give as many different experts, in the order of the definition.
  @Test func randomScoresAgreeWithSorting() {
    var generator = SplitMix64(seed: 3)
    for trial in 0..<2000 {
      let experts = 1 + Int(generator.next() % 40)
      let perToken = 1 + Int(generator.next() % UInt64(experts))
      // Few different values, so that many are equal.
      let scores = (0..<experts).map { _ in Float(generator.next() % 7) - 3 }
      let expected = scores.indices.sorted {
        scores[$0] > scores[$1] || scores[$0] == scores[$1] && $0 < $1
      }
      let routing =
        trial % 2 == 0
        ? RoutingConfiguration() : .init(scoring: .sigmoid(hasCorrectionBias: false))
      let (found, weights) = choose(Self.mixture(experts, perToken, routing), scores)
      #expect(found == Array(expected.prefix(perToken)), "\(scores), \(perToken)")
      #expect(abs(weights.reduce(0, +) - 1) < 1e-5)
    }
  }

  /// What is no number chooses nobody, and is in the result.
  @Test(arguments: [Float.nan, -.infinity])
  func scoresThatAreNoNumbers(_ score: Float) {
    let some = choose(Self.mixture(4, 2, .init()), [score, 1, score, 0])
    #expect(some.experts == [1, 3] && some.weights.allSatisfy(\.isFinite))
    for routing in [
      RoutingConfiguration(), .init(scoring: .sigmoid(hasCorrectionBias: false)),
    ] {
      let all = choose(
        Self.mixture(6, 3, routing), [Float](repeating: score, count: 6))
      #expect(Set(all.experts).count == 3 && all.experts.allSatisfy((0..<6).contains))
    }
  }

  @Test func configurationsThatContradictThemselves() {
    func message(_ mixture: MixtureConfiguration) -> String? {
      do {
        try mixture.validate()
        return nil
      } catch { return error.message }
    }
    #expect(message(Self.mixture(8, 2, .init())) == nil)
    #expect(message(Self.mixture(4, 5, .init()))!.contains("5 experts, but there are 4"))
    #expect(message(Self.mixture(4, 0, .init()))!.contains("must be at least 1"))
    #expect(message(Self.mixture(0, 1, .init()))!.contains("must be at least 1"))
    #expect(message(Self.mixture(9, 1, .init(groups: 2)))!.contains("divided evenly into 2 groups"))
    #expect(message(Self.mixture(8, 1, .init(groups: 2, groupsPerToken: 3)))!.contains("groups"))
    #expect(message(Self.mixture(4, 1, .init(groups: 4)))!.contains("one expert each"))
    #expect(message(Self.mixture(8, 5, .init(groups: 2)))!.contains("may go to have 4"))
    #expect(message(Self.mixture(8, 2, .init(scale: 0)))!.contains("scale"))
  }
}

/// The matrix of a router that nothing reads.
private final class Numbers {
  private let memory = AlignedBuffer<UInt16>(count: 32)
  var start: UnsafeRawPointer { UnsafeRawPointer(memory.pointer) }
}
