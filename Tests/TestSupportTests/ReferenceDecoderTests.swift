import Foundation
import Kernels
import ModelFiles
import TestSupport
import Testing
import Transformer

@Suite struct ReferenceDecoderTests {
  /// The root mean square of `left − right` relative to that of `right`.
  private func relativeError(_ left: [Double], _ right: [Double]) -> Double {
    let difference = zip(left, right).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    return (difference / right.reduce(0) { $0 + $1 * $1 }).squareRoot()
  }

  /// Hugging Face's float32 logits may differ from the exact ones by what float32 loses, and by
  /// its angles of RoPE, which it computes in float32 too.
  private func check(_ weights: ModelWeights, against fixture: Fixture) {
    let expected = fixture.logits.map(Double.init)
    func logits(_ arithmetic: ReferenceDecoder.Arithmetic) -> [Double] {
      let all = ReferenceDecoder(weights, arithmetic: arithmetic).logits(of: fixture.tokens)
      return Array(all.suffix(expected.count))
    }
    let exact = logits(.float64)
    let lossOfFloat32 = relativeError(logits(.fp32), exact)
    #expect(relativeError(expected, exact) < 2 * lossOfFloat32)
  }

  @Test(arguments: [("random-untied", UInt64(1)), ("random-tied", 2)])
  func randomModelsAgreeWithHuggingFace(name: String, seed: UInt64) throws {
    let fixture = try Fixture(name)
    let model = try RandomModel(fixture.configuration(), seed: seed)
    check(model.weights, against: fixture)
  }

  @Test func theBuiltInModelAgreesWithHuggingFace() throws {
    let (model, fixture) = (NeedleModel(), try Fixture("needle"))
    check(model.weights, against: fixture)
    #expect(try model.configurationJSON() == fixture.configurationJSON())
  }

  @Test func theSampleConfigurationsAreThoseOfTheFixtures() throws {
    #expect(
      try RandomModel.sampleConfiguration() == Fixture("random-untied").configuration())
    #expect(
      try RandomModel.sampleConfiguration(headDimension: 64, tiedEmbeddings: true)
        == Fixture("random-tied").configuration())
  }

  /// One layer of one head, worked out by hand: the numbers are such that the first two norms
  /// leave rows as they are, and queries and keys are 0, so that attention takes the mean.
  @Test func aModelOfFewNumbersGivesWhatIsWorkedOut() throws {
    let configuration = try ModelConfiguration(
      modelType: "smollm3", hiddenSize: 2,
      vocabulary: VocabularyConfiguration(size: 2, isTied: false),
      normalization: NormalizationConfiguration(epsilon: 0.75),
      sequence: SequenceConfiguration(maximumPositions: 8),
      layers: [
        LayerConfiguration(
          attention: AttentionConfiguration(queryHeads: 1, keyValueHeads: 1, headDimension: 2),
          rope: nil, feedForward: .dense(DenseFeedForwardConfiguration(intermediateSize: 1)))
      ])
    func matrix(_ rows: [[Float]]) -> WeightMatrix {
      let tensor = Tensor(
        name: "", elementType: .float32, shape: [rows.count, rows[0].count],
        copying: rows.flatMap { $0 })
      return WeightMatrix(
        outputs: rows.count, inputs: rows[0].count, format: .float32,
        elements: tensor.bytes.baseAddress!, owner: tensor.owner)
    }
    let zero = matrix([[0, 0], [0, 0]])
    let weights = ModelWeights(
      configuration: configuration, embedding: matrix([[0.5, 0.5], [0.5, -0.5]]),
      layers: [
        LayerWeights(
          attentionNorm: [1, 1],
          attention: AttentionWeights(
            query: zero, key: zero, value: matrix([[1, 0], [0, 2]]),
            output: matrix([[0, 1], [1, 0]])
          ),
          feedForwardNorm: [1, 3],
          feedForward: DenseFeedForward(
            gate: matrix([[1, 1]]), up: matrix([[0, 2]]), down: matrix([[0], [4]]),
            activation: .swiGLU))
      ],
      finalNorm: [2, 1], head: matrix([[1, 0], [1, 1]]))

    /// A residual stream behind attention, taken through the MLP, the final norm and the head.
    func logits(_ x: Double, _ y: Double) -> [Double] {
      let factor = 1 / ((x * x + y * y) / 2 + 0.75).squareRoot()
      let (a, b) = (x * factor, 3 * y * factor)
      let gated = (a + b) / (1 + exp(-(a + b))) * 2 * b
      let (p, q) = (x, y + 4 * gated)
      let last = 1 / ((p * p + q * q) / 2 + 0.75).squareRoot()
      return [2 * p * last, 2 * p * last + q * last]
    }
    // Values are (0.5, 1) and (0.5, -1); attention's output exchanges their elements.
    let expected = logits(0.5 + 1, 0.5 + 0.5) + logits(0.5 + 0, -0.5 + 0.5)
    let computed = ReferenceDecoder(weights, arithmetic: .float64).logits(of: [0, 1])
    #expect(computed.count == expected.count)
    for (computed, expected) in zip(computed, expected) {
      #expect(abs(computed - expected) < 1e-14)
    }
  }

  /// What a lesser precision loses is of the order of its unit roundoff: there, and not much more.
  @Test func lesserPrecisionsLoseWhatTheyMust() throws {
    let model = try RandomModel(RandomModel.sampleConfiguration(), seed: 5)
    let tokens = (0..<120).map { $0 * 13 % 300 }
    let exact = ReferenceDecoder(model.weights, arithmetic: .float64).logits(of: tokens)
    func loss(_ arithmetic: ReferenceDecoder.Arithmetic) -> Double {
      relativeError(
        ReferenceDecoder(model.weights, arithmetic: arithmetic).logits(of: tokens), exact)
    }
    #expect((1e-8..<1e-5).contains(loss(.fp32)))
    #expect((1e-4..<2e-2).contains(loss(.bf16)))
  }

  @Test func logitsDependOnNothingThatComesAfter() throws {
    let model = try RandomModel(RandomModel.sampleConfiguration(), seed: 6)
    let decoder = ReferenceDecoder(model.weights, arithmetic: .float64)
    let tokens = [5, 17, 230, 4, 4, 99]
    let whole = decoder.logits(of: tokens)
    for count in 1...tokens.count {
      let part = decoder.logits(of: Array(tokens.prefix(count)))
      #expect(part == Array(whole.prefix(part.count)), "\(count) tokens")
    }
  }

  /// With a window of w on one layer, a query at i sees the keys from i − w + 1 on and no others.
  @Test(arguments: [1, 2, 5])
  func aWindowHidesWhatIsOutsideIt(window: Int) throws {
    let configuration = try ModelConfiguration(
      modelType: "smollm3", hiddenSize: 32,
      vocabulary: VocabularyConfiguration(size: 20, isTied: true),
      normalization: NormalizationConfiguration(epsilon: 1e-6),
      sequence: SequenceConfiguration(maximumPositions: 64),
      layers: [
        LayerConfiguration(
          attention: AttentionConfiguration(queryHeads: 2, keyValueHeads: 1, headDimension: 16),
          rope: RoPEParameters(theta: 100), pattern: .slidingWindow(tokens: window),
          feedForward: .dense(DenseFeedForwardConfiguration(intermediateSize: 48, hasBias: true)))
      ])
    let model = try RandomModel(configuration, seed: 9, standardDeviation: 0.3)
    let decoder = ReferenceDecoder(model.weights, arithmetic: .float64)
    let last = 9
    func lastLogits(_ tokens: [Int]) -> [Double] {
      Array(decoder.logits(of: tokens).suffix(configuration.vocabulary.size))
    }
    let tokens = (0...last).map { $0 * 3 % 20 }
    for changed in 0...last {
      var other = tokens
      other[changed] = 19
      let isSeen = changed > last - window
      #expect((lastLogits(other) != lastLogits(tokens)) == isSeen, "token \(changed)")
    }
  }
}
