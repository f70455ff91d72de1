/// SmolLM3 (Hugging Face, 2025): grouped-query attention, some layers without RoPE, sliding windows
/// on some layers.
///
/// Tensor names, keys and defaults are those of `SmolLM3Config` and `SmolLM3ForCausalLM` in Hugging
/// Face Transformers.
public struct SmolLM3: StandardFamily {
  public let modelType = "smollm3"
  public let architecture = "SmolLM3ForCausalLM"
  public let knownKeys: Set<String> = [
    "attention_bias", "hidden_act", "layer_types", "mlp_bias", "no_rope_layer_interval",
    "no_rope_layers", "sliding_window", "use_sliding_window",
  ]

  public init() {}

  public func configuration(from source: any ConfigurationSource) throws -> ModelConfiguration {
    let settings = try FamilySettings(
      source, modelType: modelType,
      defaults: FamilyDefaults(
        hiddenSize: 2048, intermediateSize: 11_008, vocabularySize: 128_256, layers: 36,
        queryHeads: 16, keyValueHeads: 4, headDimension: nil, maximumPositions: 32_768,
        rmsNormEpsilon: 1e-6, ropeTheta: 2_000_000, tiedEmbeddings: true,
        beginningOfSequenceToken: 128_000, endOfSequenceTokens: [128_001]))
    return try settings.configuration(layers: layers(settings))
  }

  private func layers(_ settings: FamilySettings) throws -> [LayerConfiguration] {
    let source = settings.source
    let usesRoPE = try layersUsingRoPE(settings)
    let usesWindow = try source.boolean("use_sliding_window") ?? false
    let window = usesWindow ? try source.integer("sliding_window") : nil
    // Without a list the windows, if any, are on the layers without RoPE.
    let sliding = try settings.slidingLayers() ?? usesRoPE.map { !$0 && window != nil }
    let attention = try settings.attention(hasBias: source.boolean("attention_bias") ?? false)
    let rope = try settings.rope()
    let feedForward = try settings.dense(activation: "hidden_act", bias: "mlp_bias")
    return try settings.layers(
      sliding: sliding, window: window, attention, settings.repeated(feedForward)
    ) {
      usesRoPE[$0] ? rope : nil
    }
  }

  /// Despite its name, `no_rope_layers` has a 1 for each layer with RoPE and a 0 for each without.
  private func layersUsingRoPE(_ settings: FamilySettings) throws -> [Bool] {
    let source = settings.source
    let count = settings.layerCount
    guard let flags = try source.integers("no_rope_layers") else {
      let interval = try source.integer("no_rope_layer_interval") ?? 4
      guard interval >= 1 else {
        throw ModelError(
          .malformed,
          "\(source.name) sets \(source.title("no_rope_layer_interval")) to \(interval), but it must "
            + "be at least 1"
        )
      }
      return (1...count).map { $0 % interval != 0 }
    }
    guard flags.count >= count else {
      throw ModelError(
        .malformed,
        "\(source.name) has \(flags.count) \"no_rope_layers\" for \(count) layers; "
          + "there must be one for each"
      )
    }
    return try flags.prefix(count).map { flag in
      guard flag == 0 || flag == 1 else {
        throw ModelError(
          .malformed,
          "\(source.name) lists \(flag) under \"no_rope_layers\"; only 0 and 1 may stand there")
      }
      return flag == 1
    }
  }
}
