import TestSupport
import Testing
import Transformer

@Suite struct TensorRequestTests {
  /// What is asked for without weights is what a model of that configuration has.
  @Test(arguments: [false, true])
  func requestsAreTheModelsTensors(tied: Bool) throws {
    let model = try RandomModel(
      RandomModel.sampleConfiguration(tiedEmbeddings: tied), seed: 3)
    let requests = try ModelFamilies.tensors(of: model.configuration)
    #expect(requests.map(\.name) == model.tensors.map(\.name))
    #expect(requests.map(\.shape) == model.tensors.map(\.shape))
    #expect(requests.reduce(0) { $0 + $1.count } == model.weights.parameters)
    #expect(requests.filter(\.isVector).allSatisfy { $0.shape.count == 1 })
  }

  @Test(arguments: NeedleModel.Variant.allCases)
  func theBuiltInModelsToo(variant: NeedleModel.Variant) throws {
    let model = NeedleModel(variant)
    let requests = try ModelFamilies.tensors(of: model.configuration)
    #expect(Set(requests.map(\.name)) == Set(model.tensors.map(\.name)))
    #expect(requests.reduce(0) { $0 + $1.count } == model.weights.parameters)
  }

  /// The widest and deepest model that a configuration may describe has more norms than are worth
  /// any memory.
  @Test func absurdlyManyNormsAreRefused() throws {
    let layer = LayerConfiguration(
      attention: AttentionConfiguration(
        queryHeads: 1 << 12, keyValueHeads: 1 << 12, headDimension: 1 << 10),
      rope: nil, feedForward: .dense(DenseFeedForwardConfiguration(intermediateSize: 1 << 20)))
    let configuration = try ModelConfiguration(
      modelType: "smollm3", hiddenSize: 1 << 17,
      vocabulary: VocabularyConfiguration(size: 1 << 24, isTied: false),
      normalization: NormalizationConfiguration(epsilon: 1e-6),
      sequence: SequenceConfiguration(maximumPositions: 1 << 32),
      layers: Array(repeating: layer, count: 1 << 12))
    let error = #expect(throws: ModelError.self) {
      _ = try ModelFamilies.tensors(of: configuration)
    }
    #expect(error?.kind == .unsupported && error?.message.contains("norms") == true)
  }
}
