import Kernels
import Transformer

extension SampleModel {
  /// The weights of a model with experts.
  func mixtureWeights() throws -> ModelWeights {
    switch self {
    case .experts:
      let mixture = MixtureConfiguration(
        experts: 9, expertsPerToken: 3, expert: expert(300),
        routing: RoutingConfiguration(isNormalized: false),
        shared: SharedExpertConfiguration(expert(450), hasGate: true))
      return try model(
        "qwen2_moe", hiddenSize: 264, hasBias: true,
        [.mixture(mixture), .dense(expert(200)), .mixture(mixture)], seed: 6)
    case .groupedExperts:
      let routing = RoutingConfiguration(
        scoring: .sigmoid(hasCorrectionBias: true), scale: 1.5, groups: 4, groupsPerToken: 2)
      let mixture = MixtureConfiguration(
        experts: 12, expertsPerToken: 4, expert: expert(40), routing: routing,
        shared: SharedExpertConfiguration(expert(80)))
      return try model(
        "glm4_moe", hiddenSize: 96, hasBias: false, [.dense(expert(96)), .mixture(mixture)],
        seed: 7)
    case .clampedExperts:
      let mixture = MixtureConfiguration(
        experts: 5, expertsPerToken: 2,
        expert: expert(64, .clampedSwiGLU(alpha: 1.7, limit: 0.4), hasBias: true),
        routing: RoutingConfiguration(hasBias: true))
      return try model(
        "gpt_oss", hiddenSize: 96, hasBias: true, [.mixture(mixture), .mixture(mixture)], seed: 8)
    case .quantizedExperts:
      let mixture = MixtureConfiguration(
        experts: 7, expertsPerToken: 2, expert: expert(256))
      return try model(
        "qwen3_moe", hiddenSize: 256, hasBias: false, [.mixture(mixture), .mixture(mixture)],
        seed: 9, formats: [.q8_0, .q4_K, .mxfp4, .q6_K])
    case .chunkedExperts:
      let mixture = MixtureConfiguration(
        experts: 5, expertsPerToken: 3, expert: expert(1280),
        shared: SharedExpertConfiguration(expert(1792), hasGate: true))
      return try model(
        "qwen2_moe", hiddenSize: 256, hasBias: true, [.mixture(mixture), .mixture(mixture)],
        seed: 10, formats: [.q8_0, .bfloat16, .q4_K, .mxfp4, .q6_K])
    default:
      preconditionFailure("\(self) has no experts")
    }
  }

  private func expert(
    _ size: Int, _ activation: GatedActivation = .swiGLU, hasBias: Bool = false
  ) -> DenseFeedForwardConfiguration {
    DenseFeedForwardConfiguration(
      intermediateSize: size, activation: activation, hasBias: hasBias)
  }

  private func attention(_ modelType: String, hasBias: Bool) -> AttentionConfiguration {
    var attention = AttentionConfiguration(
      queryHeads: 4, keyValueHeads: 2, headDimension: 32, hasBias: hasBias,
      norms: modelType == "qwen3_moe" ? .ofHeads : .none)
    attention.hasSinks = modelType == "gpt_oss"
    return attention
  }

  private func model(
    _ modelType: String, hiddenSize: Int, hasBias: Bool,
    _ feedForwards: [FeedForwardConfiguration], seed: UInt64, formats: [WeightFormat] = []
  ) throws -> ModelWeights {
    try RandomModel(
      ModelConfiguration(
        modelType: modelType, hiddenSize: hiddenSize,
        vocabulary: VocabularyConfiguration(size: 301, isTied: false),
        normalization: NormalizationConfiguration(epsilon: 1e-6),
        sequence: SequenceConfiguration(maximumPositions: 4096),
        layers: feedForwards.enumerated().map { index, feedForward in
          LayerConfiguration(
            attention: attention(modelType, hasBias: hasBias),
            rope: RoPEParameters(theta: 10_000),
            pattern: index == 1 ? .slidingWindow(tokens: 90) : .causal, feedForward: feedForward)
        }), seed: seed, standardDeviation: 0.1, formats: formats
    ).weights
  }
}
