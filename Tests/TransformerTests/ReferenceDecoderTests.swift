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
    check(NeedleModel().weights, against: try Fixture("needle"))
  }

  @Test func theSampleConfigurationsAreThoseOfTheFixtures() throws {
    #expect(
      try RandomModel.sampleConfiguration() == Fixture("random-untied").configuration())
    #expect(
      try RandomModel.sampleConfiguration(headDimension: 64, tiedEmbeddings: true)
        == Fixture("random-tied").configuration())
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
      modelType: "smollm3", hiddenSize: 32, intermediateSize: 48, vocabularySize: 20,
      queryHeads: 2, keyValueHeads: 1, headDimension: 16, rmsNormEpsilon: 1e-6,
      attentionBias: false, mlpBias: true, tiedEmbeddings: true, maximumPositions: 64,
      layers: [LayerConfiguration(rope: RoPEParameters(theta: 100), slidingWindow: window)],
      beginningOfSequenceToken: nil, endOfSequenceTokens: [])
    let model = try RandomModel(configuration, seed: 9, standardDeviation: 0.3)
    let decoder = ReferenceDecoder(model.weights, arithmetic: .float64)
    let last = 9
    func lastLogits(_ tokens: [Int]) -> [Double] {
      Array(decoder.logits(of: tokens).suffix(configuration.vocabularySize))
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
