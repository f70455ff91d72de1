import Kernels

/// GLM-4.5, GLM-4.5-Air and GLM-4.6 (Zhipu AI, 2025, arXiv:2508.06471): sigmoid routing with a correction
/// bias, among groups of experts; an expert that every token goes to; dense layers before the others; a
/// part of each head is rotated.
///
/// Tensor names, keys and defaults are those of `Glm4MoeConfig` and `Glm4MoeForCausalLM` in Hugging Face
/// Transformers.
public struct GLM4MoE: StandardFamily {
  public let modelType = "glm4_moe"
  public let architecture = "Glm4MoeForCausalLM"
  public let hasExperts = true
  public let knownKeys: Set<String> = [
    "attention_bias", "first_k_dense_replace", "hidden_act", "moe_intermediate_size", "n_group",
    "n_routed_experts", "n_shared_experts", "norm_topk_prob", "num_experts_per_tok",
    "num_local_experts", "partial_rotary_factor", "routed_scaling_factor", "topk_group",
    "use_qk_norm",
  ]

  public init() {}

  /// The layer behind the last one predicts a further token.
  public func unusedPrefixes(of configuration: ModelConfiguration) -> [String] {
    ["model.layers.\(configuration.layers.count)."]
  }

  // MARK: Feed-forward

  func mixture(
    _ prefix: String, _ mixture: MixtureConfiguration, hiddenSize: Int, _ source: any WeightSource
  ) throws -> any FeedForward {
    let router = Router(
      try source.router(prefix + ".gate", outputs: mixture.experts, inputs: hiddenSize),
      correctionBias: try source.vector(
        prefix + ".gate.e_score_correction_bias", count: mixture.experts))
    return try self.mixture(
      prefix, mixture, router, hiddenSize: hiddenSize, source, shared: "shared_experts")
  }

  // MARK: Configuration

  public func configuration(from source: any ConfigurationSource) throws -> ModelConfiguration {
    var defaults = FamilyDefaults(
      hiddenSize: 4096, intermediateSize: 10_944, vocabularySize: 151_552, layers: 46,
      queryHeads: 96, keyValueHeads: 8, headDimension: nil, maximumPositions: 131_072,
      rmsNormEpsilon: 1e-5, ropeTheta: 10_000, tiedEmbeddings: false,
      beginningOfSequenceToken: nil, endOfSequenceTokens: [])
    defaults.partialRotaryFactor = 0.5
    let settings = try FamilySettings(source, modelType: modelType, defaults: defaults)
    let mixture = try mixture(settings)
    let denseLayers = try source.integer("first_k_dense_replace") ?? 1
    let dense = try settings.dense(activation: "hidden_act")
    let rope = try settings.rope()
    var attention = try settings.attention(
      hasBias: source.boolean("attention_bias") ?? false,
      hasHeadNorms: source.boolean("use_qk_norm") ?? false)
    attention.hasOutputBias = false
    return try settings.configuration(
      layers: (0..<settings.layerCount).map {
        LayerConfiguration(
          attention: attention, rope: rope,
          feedForward: $0 < denseLayers ? dense : .mixture(mixture))
      })
  }

  private func mixture(_ settings: FamilySettings) throws -> MixtureConfiguration {
    let source = settings.source
    var mixture = try settings.mixture(
      count: ["n_routed_experts", "num_local_experts"], size: "moe_intermediate_size",
      defaults: (128, 8, 1408),
      routing: RoutingConfiguration(
        scoring: .sigmoid(hasCorrectionBias: true),
        isNormalized: source.boolean("norm_topk_prob") ?? true,
        scale: source.number("routed_scaling_factor") ?? 1,
        groups: source.integer("n_group") ?? 1,
        groupsPerToken: source.integer("topk_group") ?? 1))
    // Several are one that is wider.
    let shared = try source.integer("n_shared_experts") ?? 1
    if shared != 0 {
      let expert = mixture.expert
      try ModelConfiguration.check("the number of shared experts", shared, upTo: 1 << 10)
      try expert.validate("the experts' intermediate size")
      mixture.shared = SharedExpertConfiguration(
        DenseFeedForwardConfiguration(
          intermediateSize: expert.intermediateSize * shared, activation: expert.activation))
    }
    return mixture
  }
}
