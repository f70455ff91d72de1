import Kernels

/// Qwen3's mixtures of experts, such as Qwen3-30B-A3B (Alibaba, 2025, arXiv:2505.09388).
///
/// Tensor names, keys and defaults are those of `Qwen3MoeConfig` and `Qwen3MoeForCausalLM` in Hugging
/// Face Transformers.
public struct Qwen3MoE: StandardFamily {
  public let modelType = "qwen3_moe"
  public let architecture = "Qwen3MoeForCausalLM"
  public let hasExperts = true
  public let knownKeys: Set<String> = FamilySettings.qwenExpertKeys.union([
    "attention_bias", "sliding_window", "use_sliding_window",
  ])

  public init() {}

  public func configuration(from source: any ConfigurationSource) throws -> ModelConfiguration {
    let settings = try FamilySettings(
      source, modelType: modelType,
      defaults: FamilyDefaults(
        hiddenSize: 2048, intermediateSize: 6144, vocabularySize: 151_936, layers: 24,
        queryHeads: 32, keyValueHeads: 4, headDimension: nil, maximumPositions: 32_768,
        rmsNormEpsilon: 1e-6, ropeTheta: 10_000, tiedEmbeddings: false,
        beginningOfSequenceToken: nil, endOfSequenceTokens: []))
    let mixture = try settings.mixture(
      count: ["num_experts", "num_local_experts"], size: "moe_intermediate_size",
      defaults: (128, 8, 768),
      routing: RoutingConfiguration(isNormalized: source.boolean("norm_topk_prob") ?? false))
    let usesWindow = try source.boolean("use_sliding_window") ?? false
    let window = try source.value("sliding_window", source.integer, default: 4096)
    let pattern = AttentionPattern(slidingWindow: usesWindow ? window : nil)
    let rope = try settings.rope()
    let attention = try settings.attention(
      hasBias: source.boolean("attention_bias") ?? false, hasHeadNorms: true)
    return try settings.configuration(
      layers: settings.qwenFeedForwards(mixture).map {
        LayerConfiguration(attention: attention, rope: rope, pattern: pattern, feedForward: $0)
      })
  }
}
