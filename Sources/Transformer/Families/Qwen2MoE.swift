import Kernels

/// Qwen1.5's and Qwen2's mixtures of experts, such as Qwen1.5-MoE-A2.7B and Qwen2-57B-A14B (Alibaba, 2024,
/// arXiv:2407.10671): an expert that every token goes to, with a gate of its own.
///
/// Tensor names, keys and defaults are those of `Qwen2MoeConfig` and `Qwen2MoeForCausalLM` in Hugging
/// Face Transformers.
public struct Qwen2MoE: StandardFamily {
  public let modelType = "qwen2_moe"
  public let architecture = "Qwen2MoeForCausalLM"
  public let hasExperts = true
  public let knownKeys: Set<String> = FamilySettings.windowKeys.union(
    FamilySettings.qwenExpertKeys
  ).union(["qkv_bias", "shared_expert_intermediate_size"])

  public init() {}

  // MARK: Feed-forward

  func mixture(
    _ prefix: String, _ mixture: MixtureConfiguration, hiddenSize: Int, _ source: any WeightSource
  ) throws -> any FeedForward {
    let router = Router(
      try source.router(prefix + ".gate", outputs: mixture.experts, inputs: hiddenSize),
      sharedGate: try source.router(prefix + ".shared_expert_gate", outputs: 1, inputs: hiddenSize))
    return try self.mixture(prefix, mixture, router, hiddenSize: hiddenSize, source)
  }

  // MARK: Configuration

  public func configuration(from source: any ConfigurationSource) throws -> ModelConfiguration {
    let settings = try FamilySettings(
      source, modelType: modelType,
      defaults: FamilyDefaults(
        hiddenSize: 2048, intermediateSize: 5632, vocabularySize: 151_936, layers: 24,
        queryHeads: 16, keyValueHeads: 16, headDimension: nil, maximumPositions: 32_768,
        rmsNormEpsilon: 1e-6, ropeTheta: 10_000, tiedEmbeddings: false,
        beginningOfSequenceToken: nil, endOfSequenceTokens: []))
    let shared = DenseFeedForwardConfiguration(
      intermediateSize: try source.integer("shared_expert_intermediate_size") ?? 5632,
      activation: try settings.activation("hidden_act", default: .swiGLU))
    let mixture = try settings.mixture(
      count: ["num_experts", "num_local_experts"], size: "moe_intermediate_size",
      defaults: (60, 4, 1408),
      routing: RoutingConfiguration(isNormalized: source.boolean("norm_topk_prob") ?? false),
      shared: SharedExpertConfiguration(shared, hasGate: true))
    let usesWindow = try source.boolean("use_sliding_window") ?? false
    let given = try source.value("sliding_window", source.integer, default: 4096)
    let window = usesWindow && given != 0 ? given : nil
    let first = try source.integer("max_window_layers") ?? 28
    // Without a list, every other one of the lower layers has the window.
    let sliding =
      try settings.slidingLayers()
      ?? (0..<settings.layerCount).map { window != nil && $0 % 2 == 0 && $0 < first }
    let feedForwards = try settings.qwenFeedForwards(mixture)
    let rope = try settings.rope()
    var attention = try settings.attention(hasBias: source.boolean("qkv_bias") ?? true)
    attention.hasOutputBias = false
    return try settings.configuration(
      layers: settings.layers(sliding: sliding, window: window, attention, feedForwards) { _ in
        rope
      })
  }
}
