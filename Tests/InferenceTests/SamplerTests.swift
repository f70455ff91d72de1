import Foundation
import Inference
import Kernels
import Testing

@Suite struct SamplerTests {
  private let logits: [Float] = [1.5, -2, 3, 0.25, 3, -.infinity, 2.75, 0]

  private func draw(_ count: Int, _ parameters: SamplingParameters) -> [Int32] {
    var sampler = Sampler(parameters)
    var workspace = Sampler.Workspace()
    return logits.withUnsafeBufferPointer { logits in
      (0..<count).map { _ in sampler.next(logits, &workspace) }
    }
  }

  /// The first token that a new sampler gives.
  private func next(_ logits: [Float], _ parameters: SamplingParameters) -> Int32 {
    var sampler = Sampler(parameters)
    var workspace = Sampler.Workspace()
    return logits.withUnsafeBufferPointer { sampler.next($0, &workspace) }
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
      #expect(next(logits, SamplingParameters()) == expected, "NaN at \(place)")
    }
  }

  @Test func oneTokenIsTheOnlyChoice() {
    for temperature in [0, 0.5, 1] {
      #expect(next([-3], SamplingParameters(temperature: temperature)) == 0)
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

  // MARK: - The same tokens as by sorting

  /// Logits as a model gives them, with many equal ones, with infinities, rising, falling, or equal.
  private static let shapes: [(name: String, logit: @Sendable (Int, Double) -> Float)] = [
    ("spread", { _, uniform in Float(uniform * 40 - 30) }),
    ("of few values", { _, uniform in Float(Int(uniform * 9) - 4) / 2 }),
    ("signed zeros", { token, uniform in uniform < 0.4 ? (token % 2 == 0 ? -0.0 : 0) : -1 }),
    ("infinite", { _, uniform in uniform < 0.5 ? -.infinity : Float(uniform) }),
    ("infinite at both ends", { _, uniform in [-.infinity, 1, .infinity][Int(uniform * 3)] }),
    ("minus infinity", { _, _ in -.infinity }),
    ("tiny", { _, uniform in Float(bitPattern: UInt32(uniform * 5) | UInt32(uniform * 2) << 31) }),
    ("rising", { token, _ in Float(token) / 100 }),
    ("falling", { token, _ in -Float(token) / 100 }),
    ("equal", { _, _ in 3.5 }),
  ]

  private static let cuts: [(topK: Int, topP: Double)] = [
    (0, 1), (0, 0.9), (0, 0.3), (0, 1e-9), (1, 1), (2, 1), (50, 1), (50, 0.8), (499, 0.95),
    (500, 1),
    (5000, 0.99), (Int(Int32.max), 1),
  ]

  @Test(arguments: shapes.indices)
  func theTokensAreThoseOfSorting(shape: Int) {
    var values = SplitMix64(seed: 3)
    var workspace = Sampler.Workspace()
    for count in [1, 2, 3, 64, 257, 500, 1000] {
      let logits = (0..<count).map { Self.shapes[shape].logit($0, values.nextUniform()) }
      for (index, cut) in Self.cuts.enumerated() {
        for temperature in [0, 0.05, 0.7, 1, 30] {
          let parameters = SamplingParameters(
            temperature: temperature, topK: cut.topK, topP: cut.topP, seed: UInt64(index))
          var sampler = Sampler(parameters)
          var twin = SortingSampler(parameters)
          for _ in 0..<5 {
            #expect(
              logits.withUnsafeBufferPointer { sampler.next($0, &workspace) } == twin.next(logits),
              "\(count) logits, \(Self.shapes[shape].name), \(parameters)")
          }
        }
      }
    }
  }

  /// A workspace knows nothing of the logits before.
  @Test func aVocabularyOfAHundredThousand() {
    var values = SplitMix64(seed: 4)
    var workspace = Sampler.Workspace()
    for count in [151_936, 100, 128_256] {
      let logits = (0..<count).map { _ in Float(values.nextUniform() * 30 - 20) }
      for (topK, topP) in [(0, 0.999), (20, 0.8), (0, 1)] {
        let parameters = SamplingParameters(temperature: 1, topK: topK, topP: topP, seed: 5)
        var sampler = Sampler(parameters)
        var twin = SortingSampler(parameters)
        #expect(
          logits.withUnsafeBufferPointer { sampler.next($0, &workspace) } == twin.next(logits))
      }
    }
  }

  /// A NaN is as if its token were not there, whatever the others are; of nothing but NaN, sampling
  /// takes what the greedy path does.
  @Test func samplingTakesNoNaN() {
    var values = SplitMix64(seed: 6)
    for count in [2, 40, 600] {
      for lowest in [-3, -Float.infinity] {
        let logits = (0..<count).map { token in
          token > 0 && values.nextUniform() < 0.3
            ? Float.nan : max(lowest, Float(values.nextUniform() * 8 - 4))
        }
        let numbers = logits.indices.filter { !logits[$0].isNaN }
        for (index, cut) in Self.cuts.enumerated() {
          let parameters = SamplingParameters(
            temperature: 0.8, topK: cut.topK, topP: cut.topP, seed: UInt64(index))
          var twin = SortingSampler(parameters)
          let expected = numbers[Int(twin.next(numbers.map { logits[$0] }))]
          #expect(next(logits, parameters) == Int32(expected), "\(count) logits, \(parameters)")
        }
      }
    }
    for topK in [0, 1, 2] {
      let none = [Float](repeating: .nan, count: 3)
      let greedy = next(none, SamplingParameters())
      #expect(next(none, SamplingParameters(temperature: 1, topK: topK)) == greedy)
    }
  }
}
