import Kernels

/// Gemma 4's text models without per-layer embeddings, such as 31B and 26B-A4B (Google, 2026): heads of two
/// dimensions; on the layers without a window keys that are values, and a rotation of some pairs of the
/// whole head; norms of values; in some models an MLP and a mixture of experts side by side.
///
/// Tensor names, keys and defaults are those of `Gemma4TextConfig` and `Gemma4ForCausalLM` in Hugging Face
/// Transformers.
public struct Gemma4: StandardFamily {
  public let modelType = "gemma4_text"
  public let architecture = "Gemma4ForCausalLM"
  public let hasExperts = true
  public let knownKeys: Set<String> = [
    "attention_bias", "attention_k_eq_v", "enable_moe_block", "final_logit_softcapping",
    "global_head_dim", "hidden_activation", "hidden_size_per_layer_input", "layer_types",
    "moe_intermediate_size", "num_experts", "num_global_key_value_heads", "num_kv_shared_layers",
    "per_layer_config", "rope_parameters.full_attention", "rope_parameters.sliding_attention",
    "sliding_window", "top_k_experts", "use_bidirectional_attention",
    // They count only where there are per-layer embeddings, or shared keys and values.
    "use_double_wide_mlp", "vocab_size_per_layer_input",
    // `hidden_activation` counts.
    "hidden_act",
  ]

  public init() {}

  // MARK: Feed-forward

  func mixture(
    _ prefix: String, _ mixture: MixtureConfiguration, hiddenSize: Int, _ source: any WeightSource
  ) throws -> any FeedForward {
    try experts(of: prefix, mixture, hiddenSize: hiddenSize, source)
  }

  private func experts(
    of prefix: String, _ mixture: MixtureConfiguration, hiddenSize: Int,
    _ source: any WeightSource
  ) throws -> MixtureOfExperts {
    // A norm without factors, then two.
    let scale = 1 / Float(hiddenSize).squareRoot()
    let norm = try source.vector(prefix + ".router.scale", count: hiddenSize).map { $0 * scale }
    let router = Router(
      try source.router(prefix + ".router.proj", outputs: mixture.experts, inputs: hiddenSize),
      norm: norm,
      expertFactors: try source.vector(
        prefix + ".router.per_expert_scale", count: mixture.experts))
    return MixtureOfExperts(
      mixture, router: router,
      experts: try experts(prefix, mixture, hiddenSize: hiddenSize, source))
  }

  func feedForward(
    _ prefix: String, _ layer: LayerConfiguration, _ configuration: ModelConfiguration,
    _ source: any WeightSource
  ) throws -> any FeedForward {
    let hidden = configuration.hiddenSize
    let dense = try gatedMLP(
      prefix + ".mlp", layer.feedForward.dense!, hiddenSize: hidden, source)
    guard let mixture = layer.feedForward.mixture else { return dense }
    func norm(_ name: String) throws -> [Float] {
      try self.norm("\(prefix).\(name).weight", count: hidden, source)
    }
    return DenseAndMixture(
      dense: dense, denseOutputNorm: try norm("post_feedforward_layernorm_1"),
      mixture: try experts(of: prefix, mixture, hiddenSize: hidden, source),
      mixtureInputNorm: try norm("pre_feedforward_layernorm_2"),
      mixtureOutputNorm: try norm("post_feedforward_layernorm_2"))
  }

  // MARK: Block

  func block(
    _ prefix: String, _ layer: LayerConfiguration, _ configuration: ModelConfiguration,
    _ source: any WeightSource
  ) throws -> LayerWeights {
    try fourNormBlock(prefix, layer, configuration, source)
  }

  // MARK: Configuration

  public func configuration(from source: any ConfigurationSource) throws -> ModelConfiguration {
    let settings = try FamilySettings(
      source, modelType: modelType,
      defaults: FamilyDefaults(
        hiddenSize: 2304, intermediateSize: 9216, vocabularySize: 262_144, layers: 30,
        queryHeads: 8, keyValueHeads: 4, headDimension: 256, maximumPositions: 131_072,
        rmsNormEpsilon: 1e-6, ropeTheta: 1_000_000, tiedEmbeddings: true,
        beginningOfSequenceToken: 2, endOfSequenceTokens: [1]))
    try refuseWhatIsShared(source)
    let window = try source.integer("sliding_window") ?? 512
    let feedForward = try feedForward(settings)
    var vocabulary = try settings.vocabulary()
    vocabulary.embeddingScale = Double(settings.hiddenSize).squareRoot()
    vocabulary.logitSoftCap = try source.number("final_logit_softcapping")
    let sliding = try sliding(settings)
    let layers = try sliding.enumerated().map { index, slides in
      let attention = try attention(settings, layer: index, slides: slides)
      return LayerConfiguration(
        attention: attention,
        rope: try rope(settings, slides: slides, headDimension: attention.headDimension),
        pattern: AttentionPattern(slidingWindow: slides ? window : nil), feedForward: feedForward,
        hasOutputScale: true)
    }
    return try settings.configuration(
      vocabulary: vocabulary, hasOutputNorms: true, positionsAreScaled: true, layers: layers)
  }

  /// The smaller models (E2B, E4B) share what no model here shares.
  private func refuseWhatIsShared(_ source: any ConfigurationSource) throws {
    let embeddings = try source.integer("hidden_size_per_layer_input") ?? 256
    guard embeddings == 0 else {
      throw ModelError(
        .unsupported,
        "\(source.name) has \(source.title("hidden_size_per_layer_input")) \(embeddings), which is "
          + "what it is without the key: per-layer embeddings, as Gemma 4 E2B and E4B have them, are "
          + "not supported; use a model without, such as Gemma 4 26B-A4B or 31B")
    }
    let shared = try source.integer("num_kv_shared_layers") ?? 0
    guard shared == 0 else {
      throw ModelError(
        .unsupported,
        "\(source.name) has \(source.title("num_kv_shared_layers")) \(shared): layers that share "
          + "keys and values, as in Gemma 4 E2B and E4B, are not supported; use a model without, such "
          + "as Gemma 4 26B-A4B or 31B")
    }
    // With text alone, "vision" is causal.
    if let direction = try source.string("use_bidirectional_attention"), direction != "vision" {
      throw ModelError(
        .unsupported,
        "\(source.name) sets \(source.title("use_bidirectional_attention")) to \(quoted(direction)): "
          + "attention that is not causal is not supported")
    }
  }

  /// Every sixth layer has no window, and the last one has none whatever the list says.
  private func sliding(_ settings: FamilySettings) throws -> [Bool] {
    var sliding =
      try settings.slidingLayers() ?? (1...settings.layerCount).map { $0 % 6 != 0 }
    sliding[sliding.count - 1] = false
    return sliding
  }

  private func attention(
    _ settings: FamilySettings, layer: Int, slides: Bool
  ) throws -> AttentionConfiguration {
    let source = settings.source
    var attention = try settings.attention(
      hasBias: source.boolean("attention_bias") ?? false, hasHeadNorms: true)
    attention.scale = 1
    attention.hasValueNorms = true
    let sharesKeys = try source.boolean("attention_k_eq_v") ?? false
    attention.keysAreValues = sharesKeys && !slides
    // As Transformers writes it, or as published files have it.
    if let all = try source.object("per_layer_config") {
      let own = try all.object("\(layer)")
      attention.headDimension = try own?.integer("head_dim") ?? attention.headDimension
      attention.keyValueHeads = try own?.integer("num_key_value_heads") ?? attention.keyValueHeads
    } else if !slides {
      attention.headDimension = try source.integer("global_head_dim") ?? 512
      if sharesKeys, let heads = try source.integer("num_global_key_value_heads") {
        attention.keyValueHeads = heads
      }
    }
    return attention
  }

  private func rope(
    _ settings: FamilySettings, slides: Bool, headDimension: Int
  ) throws -> RoPEParameters {
    let kind = slides ? "sliding_attention" : "full_attention"
    guard let parameters = try settings.source.object("rope_parameters")?.object(kind) else {
      return slides
        ? RoPEParameters(theta: 10_000)
        : RoPEParameters(
          theta: 1_000_000, rotaryDimension: 2 * (headDimension / 8),
          scaling: .proportional(factor: 1))
    }
    return try settings.rope(
      parameters, theta: slides ? 10_000 : 1_000_000, headDimension: headDimension)
  }

  private func feedForward(_ settings: FamilySettings) throws -> FeedForwardConfiguration {
    let source = settings.source
    let feedForward = try settings.dense(activation: "hidden_activation", default: .geGLU)
    guard let dense = feedForward.dense, try source.boolean("enable_moe_block") ?? false else {
      return feedForward
    }
    let mixture = MixtureConfiguration(
      experts: try source.required("num_experts", source.integer),
      expertsPerToken: try source.required("top_k_experts", source.integer),
      expert: DenseFeedForwardConfiguration(
        intermediateSize: try source.required("moe_intermediate_size", source.integer),
        activation: dense.activation),
      routing: RoutingConfiguration())
    return .denseAndMixture(dense, mixture)
  }
}
