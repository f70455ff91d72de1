/// Qwen2 and Qwen2.5 (Alibaba, 2024): biases of queries, keys and values, and in some models a
/// sliding window on the upper layers.
///
/// Tensor names, keys and defaults are those of `Qwen2Config` and `Qwen2ForCausalLM` in Hugging Face
/// Transformers.
public struct Qwen2: StandardFamily {
  public let modelType = "qwen2"
  public let architecture = "Qwen2ForCausalLM"
  public let knownKeys: Set<String> = FamilySettings.windowKeys.union([
    // Its queries, keys and values always have biases.
    "attention_bias", "qkv_bias",
  ])

  public init() {}

  // MARK: Configuration

  public func configuration(from source: any ConfigurationSource) throws -> ModelConfiguration {
    let settings = try FamilySettings(
      source, modelType: modelType,
      defaults: FamilyDefaults(
        hiddenSize: 4096, intermediateSize: 22_016, vocabularySize: 151_936, layers: 32,
        queryHeads: 32, keyValueHeads: 32, headDimension: nil, maximumPositions: 32_768,
        rmsNormEpsilon: 1e-6, ropeTheta: 10_000, tiedEmbeddings: false,
        beginningOfSequenceToken: nil, endOfSequenceTokens: []))
    var attention = try settings.attention(hasBias: true)
    attention.hasOutputBias = false
    return try settings.configuration(layers: settings.upperWindowLayers(attention))
  }
}

extension FamilySettings {
  /// What `upperWindowLayers()` reads.
  static let windowKeys: Set<String> = [
    "hidden_act", "layer_types", "max_window_layers", "sliding_window", "use_sliding_window",
  ]

  /// The layers of Qwen2 and Qwen3: `layer_types` say which have the window; without them, those from
  /// `max_window_layers` on.
  func upperWindowLayers(_ attention: AttentionConfiguration) throws -> [LayerConfiguration] {
    let usesWindow = try source.boolean("use_sliding_window") ?? false
    let given = try source.value("sliding_window", source.integer, default: 4096)
    let window = usesWindow ? given : nil
    let first = try source.integer("max_window_layers") ?? 28
    let sliding =
      try slidingLayers() ?? (0..<layerCount).map { window != nil && $0 >= first }
    let rope = try rope()
    let feedForward = try dense(activation: "hidden_act")
    return try layers(sliding: sliding, window: window, attention, repeated(feedForward)) { _ in
      rope
    }
  }
}
