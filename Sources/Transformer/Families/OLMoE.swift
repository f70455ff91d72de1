import Kernels

/// OLMoE (Allen Institute for AI, 2024, arXiv:2409.02060): an RMSNorm of all queries together, and of all
/// keys; queries, keys and values may be clamped.
///
/// Tensor names, keys and defaults are those of `OlmoeConfig` and `OlmoeForCausalLM` in Hugging Face
/// Transformers.
public struct OLMoE: StandardFamily {
  public let modelType = "olmoe"
  public let architecture = "OlmoeForCausalLM"
  public let hasExperts = true
  public let knownKeys: Set<String> = [
    "attention_bias", "clip_qkv", "hidden_act", "norm_topk_prob", "num_experts",
    "num_experts_per_tok", "num_local_experts",
  ]

  public init() {}

  public func configuration(from source: any ConfigurationSource) throws -> ModelConfiguration {
    let settings = try FamilySettings(
      source, modelType: modelType,
      defaults: FamilyDefaults(
        hiddenSize: 2048, intermediateSize: 2048, vocabularySize: 50_304, layers: 16,
        queryHeads: 16, keyValueHeads: nil, headDimension: nil, maximumPositions: 4096,
        rmsNormEpsilon: 1e-5, ropeTheta: 10_000, tiedEmbeddings: false,
        beginningOfSequenceToken: nil, endOfSequenceTokens: [50_279]))
    let mixture = try settings.mixture(
      count: ["num_experts", "num_local_experts"], size: "intermediate_size",
      defaults: (64, 8, 2048),
      routing: RoutingConfiguration(isNormalized: source.boolean("norm_topk_prob") ?? false))
    var attention = try settings.attention(hasBias: source.boolean("attention_bias") ?? false)
    attention.norms = .ofWidth
    attention.clip = try source.number("clip_qkv")
    let rope = try settings.rope()
    return try settings.configuration(
      layers: (0..<settings.layerCount).map { _ in
        LayerConfiguration(attention: attention, rope: rope, feedForward: .mixture(mixture))
      })
  }
}
