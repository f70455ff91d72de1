import Kernels

/// gpt-oss-20b and gpt-oss-120b (OpenAI, 2025, arXiv:2508.10925): attention sinks, biases everywhere, a
/// window on every other layer, experts with a clamped gate.
///
/// Tensor names, keys and defaults are those of `GptOssConfig` and `GptOssForCausalLM` in Hugging Face
/// Transformers.
public struct GPTOSS: StandardFamily {
  public let modelType = "gpt_oss"
  public let architecture = "GptOssForCausalLM"
  public let hasExperts = true
  public let knownKeys: Set<String> = [
    "attention_bias", "layer_types", "num_experts", "num_experts_per_tok", "num_local_experts",
    "sliding_window", "swiglu_alpha", "swiglu_limit",
    // Of the original files; other keys say the same.
    "experts_per_token", "initial_context_length",
    // Its experts have an activation of their own, whatever this says.
    "hidden_act",
  ]

  public init() {}

  // MARK: Feed-forward

  func mixture(
    _ prefix: String, _ mixture: MixtureConfiguration, hiddenSize: Int, _ source: any WeightSource
  ) throws -> any FeedForward {
    MixtureOfExperts(
      mixture,
      router: Router(
        try source.router(
          prefix + ".router", outputs: mixture.experts, inputs: hiddenSize, hasBias: true)),
      experts: try experts(prefix, mixture, hiddenSize: hiddenSize, source))
  }

  // MARK: Configuration

  public func configuration(from source: any ConfigurationSource) throws -> ModelConfiguration {
    let settings = try FamilySettings(
      source, modelType: modelType,
      defaults: FamilyDefaults(
        hiddenSize: 2880, intermediateSize: 2880, vocabularySize: 201_088, layers: 36,
        queryHeads: 64, keyValueHeads: 8, headDimension: 64, maximumPositions: 131_072,
        rmsNormEpsilon: 1e-5, ropeTheta: 150_000, tiedEmbeddings: false,
        beginningOfSequenceToken: nil, endOfSequenceTokens: []))
    let mixture = MixtureConfiguration(
      experts: try source.integer("num_local_experts") ?? source.integer("num_experts") ?? 128,
      expertsPerToken: try source.integer("num_experts_per_tok") ?? 4,
      expert: DenseFeedForwardConfiguration(
        intermediateSize: try source.integer("intermediate_size") ?? 2880,
        activation: try activation(source), hasBias: true),
      routing: RoutingConfiguration(hasBias: true))
    let sliding =
      try settings.slidingLayers() ?? (0..<settings.layerCount).map { $0 % 2 == 0 }
    let window = try source.value("sliding_window", source.integer, default: 128)
    let rope = try rope(settings)
    var attention = try settings.attention(hasBias: source.boolean("attention_bias") ?? true)
    attention.hasSinks = true
    return try settings.configuration(
      layers: settings.layers(
        sliding: sliding, window: window, attention, settings.repeated(.mixture(mixture))
      ) { _ in rope })
  }

  private func activation(_ source: any ConfigurationSource) throws -> GatedActivation {
    func number(_ key: String, default: Double) throws -> Float {
      let value = try source.number(key) ?? `default`
      guard value > 0, value <= 1e6 else {
        throw ModelError(
          .malformed,
          "\(source.name) sets \(source.title(key)) to \(value), but it must be above 0 and "
            + "at most 1e6")
      }
      return Float(value)
    }
    return .clampedSwiGLU(
      alpha: try number("swiglu_alpha", default: 1.702),
      limit: try number("swiglu_limit", default: 7))
  }

  /// A file that says nothing of it has the rotation of the published models.
  private func rope(_ settings: FamilySettings) throws -> RoPEParameters {
    let source = settings.source
    guard try source.object("rope_scaling") == nil, try source.object("rope_parameters") == nil
    else { return try settings.rope() }
    let published = YaRN(
      factor: 32, originalPositions: 4096, betaFast: 32, betaSlow: 1,
      attentionFactor: YaRN.attentionFactor(32), truncates: false)
    return RoPEParameters(
      theta: try source.number("rope_theta") ?? settings.defaults.ropeTheta,
      scaling: .yarn(published))
  }
}
