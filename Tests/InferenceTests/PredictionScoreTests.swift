import Foundation
import Inference
import Kernels
import Testing

struct PredictionScoreTests {
  /// What a softmax is, in Float64.
  private func logProbabilities(_ logits: [Float]) -> [Double] {
    let maximum = Double(logits.max()!)
    let sum = logits.reduce(0.0) { $0 + exp(Double($1) - maximum) }
    return logits.map { Double($0) - maximum - log(sum) }
  }

  private func score(of token: Int, _ logits: [Float], _ reference: [Float]? = nil)
    -> PredictionScore
  {
    logits.withUnsafeBufferPointer { logits in
      guard let reference else { return PredictionScore(of: token, logits: logits) }
      return reference.withUnsafeBufferPointer {
        PredictionScore(of: token, logits: logits, reference: $0)
      }
    }
  }

  private func randomLogits(_ count: Int, scale: Float, seed: UInt64) -> [Float] {
    var generator = SplitMix64(seed: seed)
    return (0..<count).map { _ in
      scale * (Float(generator.next() >> 40) / Float(1 << 24) - 0.5)
    }
  }

  @Test(arguments: [1, 2, 257, 5000], [Float(0), 1, 30, 3000])
  func likelihoodsAndDivergencesAreThoseOfThePlainSoftmax(count: Int, scale: Float) {
    for seed in 1...3 {
      let logits = randomLogits(count, scale: scale, seed: UInt64(seed))
      let reference = zip(logits, randomLogits(count, scale: 2, seed: 99)).map { $0 + $1 }
      let (own, other) = (logProbabilities(logits), logProbabilities(reference))
      let token = count * seed / 4
      let score = score(of: token, logits, reference)
      let tolerance = 1e-12 * max(1, Double(scale))
      #expect(abs(score.surprisal + own[token]) <= tolerance)
      #expect(abs(score.referenceSurprisal! + other[token]) <= tolerance)
      let divergence = zip(own, other).reduce(0.0) { $0 + exp($1.1) * ($1.1 - $1.0) }
      #expect(abs(score.divergence! - divergence) <= tolerance)
      #expect(score.divergence! >= 0)
      #expect(
        score.hasSameTop
          == (logits.firstIndex(of: logits.max()!) == reference.firstIndex(of: reference.max()!)))
      let alone = self.score(of: token, logits)
      #expect(alone.surprisal == score.surprisal && alone.divergence == nil)
    }
  }

  /// To the last bit, whatever the logits' level.
  @Test func equalLogitsDoNotDiverge() {
    for scale: Float in [0, 1, 200] {
      let logits = randomLogits(1000, scale: scale, seed: 5)
      let score = score(of: 3, logits, logits)
      #expect(score.divergence == 0 && score.hasSameTop == true)
      #expect(score.surprisal == score.referenceSurprisal)
    }
  }

  @Test(arguments: [Float.nan, .infinity])
  func whatIsNoNumberIsSeen(value: Float) {
    for place in 0..<4 {
      var logits: [Float] = [1, 2, 3, 4]
      logits[place] = value
      #expect(!score(of: 2, logits).isFinite, "\(value) at \(place)")
      #expect(!score(of: 2, [1, 2, 3, 4], logits).isFinite, "\(value) at \(place)")
    }
    #expect(!score(of: 0, [-.infinity, -.infinity]).isFinite)
  }

  /// A token that a model rules out costs nothing where another one follows.
  @Test func ruledOut() {
    let logits: [Float] = [1, -.infinity, 1]
    #expect(score(of: 0, logits).surprisal == log(2) && score(of: 0, logits).isFinite)
    #expect(!score(of: 1, logits).isFinite)
    #expect(!score(of: 0, logits, [1, 1, 1]).isFinite)
  }

  @Test func exponential() {
    var generator = SplitMix64(seed: 1)
    for place in 0..<20_000 {
      let range = [1.0, 50, 708][place % 3]
      let x = -range * Double(generator.next() >> 11) / 0x1p53
      #expect(abs(x.exponentialOfNonPositive / exp(x) - 1) <= 4e-16, "\(x)")
    }
    #expect((0.0).exponentialOfNonPositive == 1 && (-0.0).exponentialOfNonPositive == 1)
    #expect((-708.0).exponentialOfNonPositive > 0)
    for x: Double in [-709, -1e300, -.infinity] { #expect(x.exponentialOfNonPositive == 0, "\(x)") }
    #expect(Double.nan.exponentialOfNonPositive.isNaN)
  }
}

struct PerplexityFiguresTests {
  /// Two tokens; the model gives the next one a half, a quarter and an eighth.
  @Test func figures() throws {
    func score(_ odds: Float, _ reference: Float) -> PredictionScore {
      [0, log(odds)].withUnsafeBufferPointer { logits in
        [0, log(reference)].withUnsafeBufferPointer {
          PredictionScore(of: 0, logits: logits, reference: $0)
        }
      }
    }
    let figures = PerplexityFigures([score(1, 1), score(3, 1), score(7, 3)])
    let mean = log(4.0)
    let error = (log(2.0) * log(2.0) / 3).squareRoot()
    #expect(figures.predictions == 3)
    #expect(abs(figures.negativeLogLikelihood.mean - mean) < 1e-6)
    #expect(abs(figures.negativeLogLikelihood.standardError! - error) < 1e-6)
    #expect(abs(figures.perplexity.mean - 4) < 1e-6)
    #expect(abs(figures.perplexity.standardError! - 4 * error) < 1e-5)
    let comparison = try #require(figures.comparison)
    #expect(abs(comparison.referencePerplexity.mean - pow(16, 1.0 / 3)) < 1e-6)
    #expect(abs(comparison.ratio.mean - pow(4, 1.0 / 3)) < 1e-6)
    // Of (1/2, 1/2) from itself, of it from (1/4, 3/4), of (1/4, 3/4) from (1/8, 7/8).
    let divergences = [
      0, 0.5 * log(2.0) + 0.5 * log(2.0 / 3), 0.25 * log(2.0) + 0.75 * log(6.0 / 7),
    ]
    #expect(abs(comparison.divergence.mean - divergences.reduce(0, +) / 3) < 1e-6)
    #expect(abs(comparison.medianDivergence - divergences[2]) < 1e-6)
    #expect(abs(comparison.maximumDivergence - divergences[1]) < 1e-6)
    let percentile = divergences[2] + 0.98 * (divergences[1] - divergences[2])
    #expect(abs(comparison.percentile99Divergence - percentile) < 1e-6)
    // Of equal logits the first is the top.
    #expect(abs(comparison.sameTop.mean - 2.0 / 3) < 1e-12)
    #expect(abs(comparison.sameTop.standardError! - 1.0 / 3) < 1e-12)
  }

  @Test func oneValueHasNoError() {
    let score = [Float(0), 0].withUnsafeBufferPointer { PredictionScore(of: 1, logits: $0) }
    let figures = PerplexityFigures([score])
    #expect(figures.negativeLogLikelihood == Estimate(mean: log(2), standardError: nil))
    #expect(figures.perplexity.standardError == nil && figures.comparison == nil)
  }
}
