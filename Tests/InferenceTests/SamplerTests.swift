import Foundation
import Inference
import Testing

@Suite struct SamplerTests {
  private let logits: [Float] = [1.5, -2, 3, 0.25, 3, -.infinity, 2.75, 0]

  private func draw(_ count: Int, _ parameters: SamplingParameters) -> [Int32] {
    var sampler = Sampler(parameters)
    return logits.withUnsafeBufferPointer { logits in
      (0..<count).map { _ in sampler.next(logits) }
    }
  }

  /// What the definitions say: temperature, then the K most likely, then the nucleus, each on what
  /// the one before has left.
  private func probabilities(_ parameters: SamplingParameters) -> [Double] {
    let order = logits.indices.sorted {
      logits[$0] != logits[$1] ? logits[$0] > logits[$1] : $0 < $1
    }
    let kept = parameters.topK > 0 ? Array(order.prefix(parameters.topK)) : order
    let weights = kept.map { exp(Double(logits[$0]) / parameters.temperature) }
    let total = weights.reduce(0, +)
    var result = [Double](repeating: 0, count: logits.count)
    var reached = 0.0
    for (token, weight) in zip(kept, weights) where reached < parameters.topP {
      result[token] = weight
      reached += weight / total
    }
    let sum = result.reduce(0, +)
    return result.map { $0 / sum }
  }

  @Test func greedyTakesTheFirstOfTheLargest() {
    #expect(draw(5, SamplingParameters()) == [2, 2, 2, 2, 2])
    #expect(draw(2, SamplingParameters(topK: 3, topP: 0.1, seed: 9)) == [2, 2])
  }

  /// A NaN says nothing of its token, wherever it stands.
  @Test func greedyTakesNoNaN() {
    for place in 0..<4 {
      var logits: [Float] = [0, 1, 3, 2]
      let expected: Int32 = place == 2 ? 3 : 2
      logits[place] = .nan
      var sampler = Sampler(SamplingParameters())
      #expect(logits.withUnsafeBufferPointer { sampler.next($0) } == expected, "NaN at \(place)")
    }
  }

  @Test func oneTokenIsTheOnlyChoice() {
    for temperature in [0, 0.5, 1] {
      var sampler = Sampler(SamplingParameters(temperature: temperature))
      #expect([Float(-3)].withUnsafeBufferPointer { sampler.next($0) } == 0)
    }
  }

  @Test(arguments: [0.001, 0.7, 1, 100])
  func narrowCutsAreGreedy(temperature: Double) {
    for seed in 0..<5 as Range<UInt64> {
      for (topK, topP) in [(1, 1.0), (0, 1e-9), (0, 0), (3, 1e-9), (1, 0.5)] {
        let parameters = SamplingParameters(
          temperature: temperature, topK: topK, topP: topP, seed: seed)
        #expect(draw(20, parameters).allSatisfy { $0 == 2 }, "\(parameters)")
      }
    }
  }

  @Test func theSameSeedGivesTheSameTokens() {
    let parameters = SamplingParameters(temperature: 1, seed: 7)
    #expect(draw(200, parameters) == draw(200, parameters))
    #expect(draw(200, parameters) != draw(200, SamplingParameters(temperature: 1, seed: 8)))
  }

  /// Counts of many draws against the exact probabilities: within 5 standard deviations, and none
  /// where there is none.
  @Test(arguments: [
    SamplingParameters(temperature: 1, seed: 1),
    SamplingParameters(temperature: 0.5, seed: 2),
    SamplingParameters(temperature: 3, seed: 3),
    SamplingParameters(temperature: 1, topK: 2, seed: 4),
    SamplingParameters(temperature: 1, topK: 4, seed: 5),
    SamplingParameters(temperature: 1, topK: 100, seed: 6),
    SamplingParameters(temperature: 1, topP: 0.5, seed: 7),
    SamplingParameters(temperature: 1, topP: 0.95, seed: 8),
    SamplingParameters(temperature: 2, topK: 5, topP: 0.8, seed: 9),
  ])
  func drawsFollowTheProbabilities(parameters: SamplingParameters) {
    let count = 40_000
    var counts = [Int](repeating: 0, count: logits.count)
    for token in draw(count, parameters) { counts[Int(token)] += 1 }
    for (token, probability) in probabilities(parameters).enumerated() {
      let deviation = (Double(count) * probability * (1 - probability)).squareRoot()
      #expect(
        abs(Double(counts[token]) - Double(count) * probability) <= 5 * deviation,
        "token \(token): \(counts[token]) of \(count), probability \(probability)")
    }
  }
}
