import Kernels

/// Mixtral (Mistral AI, 2024, arXiv:2401.04088): Mistral with a mixture of experts in every layer.
///
/// Tensor names, keys and defaults are those of `MixtralConfig` and `MixtralForCausalLM` in Hugging Face
/// Transformers.
public struct Mixtral: StandardFamily {
  public let modelType = "mixtral"
  public let architecture = "MixtralForCausalLM"
  public let hasExperts = true
  public let knownKeys: Set<String> = [
    "hidden_act", "num_experts", "num_experts_per_tok", "num_local_experts", "sliding_window",
  ]

  public init() {}

  // MARK: Feed-forward

  func mixture(
    _ prefix: String, _ mixture: MixtureConfiguration, hiddenSize: Int, _ source: any WeightSource
  ) throws -> any FeedForward {
    let prefix = String(prefix.dropLast("mlp".count)) + "block_sparse_moe"
    return MixtureOfExperts(
      mixture,
      router: Router(
        try source.router(prefix + ".gate", outputs: mixture.experts, inputs: hiddenSize)),
      experts: try (0..<mixture.experts).map {
        try gatedMLP(
          "\(prefix).experts.\($0)", mixture.expert, hiddenSize: hiddenSize, source,
          names: ("w1", "w3", "w2"))
      })
  }

  // MARK: Configuration

  public func configuration(from source: any ConfigurationSource) throws -> ModelConfiguration {
    let settings = try FamilySettings(
      source, modelType: modelType,
      defaults: FamilyDefaults(
        hiddenSize: 4096, intermediateSize: 14_336, vocabularySize: 32_000, layers: 32,
        queryHeads: 32, keyValueHeads: 8, headDimension: nil, maximumPositions: 131_072,
        rmsNormEpsilon: 1e-5, ropeTheta: 1_000_000, tiedEmbeddings: false,
        beginningOfSequenceToken: 1, endOfSequenceTokens: [2]))
    let mixture = try settings.mixture(
      count: ["num_local_experts", "num_experts"], size: "intermediate_size",
      defaults: (8, 2, 14_336), routing: RoutingConfiguration())
    let rope = try settings.rope()
    let pattern = AttentionPattern(slidingWindow: try source.integer("sliding_window"))
    let attention = try settings.attention()
    return try settings.configuration(
      layers: (0..<settings.layerCount).map { _ in
        LayerConfiguration(
          attention: attention, rope: rope, pattern: pattern, feedForward: .mixture(mixture))
      })
  }
}
