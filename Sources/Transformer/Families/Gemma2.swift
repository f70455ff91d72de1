/// Gemma 2 (Google, 2024, arXiv:2408.00118): four norms a layer with the factors 1 + w, GeGLU, scaled
/// embeddings, soft caps on scores and logits, a sliding window on every other layer.
///
/// Tensor names, keys and defaults are those of `Gemma2Config` and `Gemma2ForCausalLM` in Hugging
/// Face Transformers.
public struct Gemma2: GemmaFamily {
  public let modelType = "gemma2"
  public let architecture = "Gemma2ForCausalLM"
  public let knownKeys: Set<String> = FamilySettings.gemmaKeys.union([
    // In published files beside the keys that count, `hidden_activation` and `sliding_window`.
    "hidden_act", "sliding_window_size",
  ])

  public init() {}

  public func configuration(from source: any ConfigurationSource) throws -> ModelConfiguration {
    let settings = try FamilySettings(
      source, modelType: modelType,
      defaults: FamilyDefaults(
        hiddenSize: 2304, intermediateSize: 9216, vocabularySize: 256_000, layers: 26,
        queryHeads: 8, keyValueHeads: 4, headDimension: 256, maximumPositions: 8192,
        rmsNormEpsilon: 1e-6, ropeTheta: 10_000, tiedEmbeddings: true, beginningOfSequenceToken: 2,
        endOfSequenceTokens: [1]))
    let rope = try settings.rope()
    let sliding =
      try settings.slidingLayers() ?? (0..<settings.layerCount).map { $0 % 2 == 0 }
    return try settings.gemmaConfiguration(
      hasHeadNorms: false, scoreSoftCap: 50, logitSoftCap: 30, sliding: sliding
    ) { _ in rope }
  }
}

/// What the generations of Gemma have in common.
protocol GemmaFamily: StandardFamily {}

extension GemmaFamily {
  // MARK: Block

  func block(
    _ prefix: String, _ layer: LayerConfiguration, _ configuration: ModelConfiguration,
    _ source: any WeightSource
  ) throws -> LayerWeights {
    try fourNormBlock(prefix, layer, configuration, source)
  }

  /// The file has what is added to 1.
  func norm(_ name: String, count: Int, _ source: any WeightSource) throws -> [Float] {
    try source.vector(name, count: count).map { 1 + $0 }
  }
}

extension FamilySettings {
  /// What `gemmaConfiguration` reads, and the layers' kinds.
  static let gemmaKeys: Set<String> = [
    "attention_bias", "attn_logit_softcapping", "final_logit_softcapping", "hidden_activation",
    "layer_types", "query_pre_attn_scalar", "sliding_window",
  ]

  /// - Parameters:
  ///   - scoreSoftCap: holds where the file has no such key, as `logitSoftCap`; null is none.
  ///   - sliding: which layers have the window.
  func gemmaConfiguration(
    hasHeadNorms: Bool, scoreSoftCap: Double?, logitSoftCap: Double?, sliding: [Bool],
    rope: (_ layer: Int) -> RoPEParameters
  ) throws -> ModelConfiguration {
    let window = try source.value("sliding_window", source.integer, default: 4096)
    let scalar = try source.number("query_pre_attn_scalar") ?? 256
    guard scalar > 0 else {
      throw ModelError(
        .malformed,
        "\(source.name) sets \(source.title("query_pre_attn_scalar")) to \(scalar), but it must be "
          + "above 0")
    }
    var attention = try attention(
      hasBias: source.boolean("attention_bias") ?? false, hasHeadNorms: hasHeadNorms)
    attention.scale = 1 / scalar.squareRoot()
    attention.scoreSoftCap = try source.value(
      "attn_logit_softcapping", source.number, default: scoreSoftCap)
    var vocabulary = try vocabulary()
    vocabulary.embeddingScale = Double(hiddenSize).squareRoot()
    vocabulary.logitSoftCap = try source.value(
      "final_logit_softcapping", source.number, default: logitSoftCap)
    let feedForward = try dense(activation: "hidden_activation", default: .geGLU)
    return try configuration(
      vocabulary: vocabulary, hasOutputNorms: true, positionsAreScaled: true,
      layers: layers(sliding: sliding, window: window, attention, repeated(feedForward), rope: rope)
    )
  }
}
