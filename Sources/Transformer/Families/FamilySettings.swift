import Kernels

/// What a family's configuration class in Hugging Face Transformers fills in where `config.json` has
/// no such key.
struct FamilyDefaults {
  let hiddenSize: Int
  let intermediateSize: Int
  let vocabularySize: Int
  let layers: Int
  let queryHeads: Int
  /// Nil: as many as query heads.
  let keyValueHeads: Int?
  /// Nil: `hidden_size` divided by the query heads.
  let headDimension: Int?
  let maximumPositions: Int
  let rmsNormEpsilon: Double
  let ropeTheta: Double
  let tiedEmbeddings: Bool
  let beginningOfSequenceToken: Int?
  let endOfSequenceTokens: [Int]
  /// Which part of each head's coordinates is rotated.
  var partialRotaryFactor = 1.0
}

/// A family's settings as its configuration file gives them, with the family's defaults; what most
/// families have in common.
struct FamilySettings {
  let source: any ConfigurationSource
  let modelType: String
  let defaults: FamilyDefaults
  let layerCount: Int
  let hiddenSize: Int
  let queryHeads: Int
  let headDimension: Int
  let maximumPositions: Int

  /// - Throws: `ModelError` if sizes contradict each other.
  init(_ source: any ConfigurationSource, modelType: String, defaults: FamilyDefaults) throws {
    self.source = source
    self.modelType = modelType
    self.defaults = defaults
    layerCount = try source.integer("num_hidden_layers") ?? defaults.layers
    // Before anything of that size is made.
    try ModelConfiguration.check(
      "the number of layers", layerCount, upTo: ModelConfiguration.largestLayerCount)
    hiddenSize = try source.integer("hidden_size") ?? defaults.hiddenSize
    queryHeads = try source.integer("num_attention_heads") ?? defaults.queryHeads
    // Before they are divided.
    try ModelConfiguration.check(
      "the hidden size", hiddenSize, upTo: ModelConfiguration.largestHiddenSize)
    try ModelConfiguration.check(
      "the number of query heads", queryHeads, upTo: ModelConfiguration.largestHeadCount)
    maximumPositions =
      try source.integer("max_position_embeddings") ?? defaults.maximumPositions
    headDimension = try Self.headDimension(
      source, default: defaults.headDimension, hiddenSize: hiddenSize, queryHeads: queryHeads)
  }

  private static func headDimension(
    _ source: any ConfigurationSource, default: Int?, hiddenSize: Int, queryHeads: Int
  ) throws -> Int {
    if let headDimension = try source.integer("head_dim") { return headDimension }
    if let `default`, !source.keys.contains("head_dim") { return `default` }
    guard hiddenSize % queryHeads == 0 else {
      throw ModelError(
        .malformed,
        "\(source.name) has no \(source.title("head_dim")), and \(source.title("hidden_size")) "
          + "\(hiddenSize) cannot be divided evenly by \(source.title("num_attention_heads")) "
          + "\(queryHeads)")
    }
    return hiddenSize / queryHeads
  }

  /// The activation under `key`, as the MLP's gate uses it.
  func activation(_ key: String, default: GatedActivation) throws -> GatedActivation {
    switch try source.string(key) {
    case nil: return `default`
    case "silu", "swish": return .swiGLU
    case "gelu_pytorch_tanh", "gelu_new": return .geGLU
    case let name?:
      throw ModelError(
        .unsupported,
        "\(source.name) sets \(source.title(key)) to \(quoted(name)); only \"silu\" and "
          + "\"gelu_pytorch_tanh\" are supported")
    }
  }

  /// Which layers have a sliding window, as `layer_types` lists them; nil where the file does not.
  func slidingLayers() throws -> [Bool]? {
    guard let types = try source.strings("layer_types") else { return nil }
    guard types.count == layerCount else {
      throw ModelError(
        .malformed,
        "\(source.name) has \(types.count) \(source.title("layer_types")) for \(layerCount) "
          + "layers; there must be one for each")
    }
    return try types.map { type in
      switch type {
      case "full_attention": return false
      case "sliding_attention": return true
      default:
        throw ModelError(
          .unsupported,
          "\(source.name) lists \(quoted(type)) under \(source.title("layer_types")); only "
            + "\"full_attention\" and \"sliding_attention\" are supported")
      }
    }
  }

  /// A gated MLP.
  ///
  /// - Parameters:
  ///   - activation: the key that names the gate's activation; `default` is that without the key.
  ///   - bias: the key that says whether its projections have biases; nil where none have.
  func dense(
    activation key: String, default: GatedActivation = .swiGLU, bias: String? = nil
  ) throws -> FeedForwardConfiguration {
    .dense(
      DenseFeedForwardConfiguration(
        intermediateSize: try source.integer("intermediate_size") ?? defaults.intermediateSize,
        activation: try activation(key, default: `default`),
        hasBias: try bias.flatMap { try source.boolean($0) } ?? false))
  }

  /// The same in all layers.
  func repeated(_ feedForward: FeedForwardConfiguration) -> [FeedForwardConfiguration] {
    [FeedForwardConfiguration](repeating: feedForward, count: layerCount)
  }

  func attention(hasBias: Bool = false, hasHeadNorms: Bool = false) throws
    -> AttentionConfiguration
  {
    AttentionConfiguration(
      queryHeads: queryHeads,
      keyValueHeads: try source.value(
        "num_key_value_heads", source.integer, default: defaults.keyValueHeads) ?? queryHeads,
      headDimension: headDimension, hasBias: hasBias,
      norms: hasHeadNorms ? .ofHeads : .none)
  }

  func vocabulary() throws -> VocabularyConfiguration {
    VocabularyConfiguration(
      size: try source.integer("vocab_size") ?? defaults.vocabularySize,
      isTied: try source.boolean("tie_word_embeddings") ?? defaults.tiedEmbeddings)
  }

  /// The layers' attention patterns and rotations.
  ///
  /// - Parameters:
  ///   - window: of the layers that slide.
  ///   - attention: of all layers.
  ///   - feedForwards: of each layer.
  /// - Throws: `ModelError` if some layers slide and there is no window.
  func layers(
    sliding: [Bool], window: Int?, _ attention: AttentionConfiguration,
    _ feedForwards: [FeedForwardConfiguration], rope: (_ layer: Int) -> RoPEParameters?
  ) throws -> [LayerConfiguration] {
    guard window != nil || !sliding.contains(true) else {
      throw ModelError(
        .malformed,
        "\(source.name) lists \"sliding_attention\" under \(source.title("layer_types")), but "
          + "switches no \(source.title("sliding_window")) on")
    }
    return sliding.enumerated().map { index, slides in
      LayerConfiguration(
        attention: attention, rope: rope(index),
        pattern: AttentionPattern(slidingWindow: slides ? window : nil),
        feedForward: feedForwards[index])
    }
  }

  /// All settings that families share, and those of this one.
  ///
  /// - Parameters:
  ///   - vocabulary: nil for what `vocabulary()` gives.
  ///   - positionsAreScaled: whether `max_position_embeddings` counts what a linear or dynamic
  ///     scaling of RoPE adds already.
  func configuration(
    vocabulary: VocabularyConfiguration? = nil, hasOutputNorms: Bool = false,
    positionsAreScaled: Bool = false, layers: [LayerConfiguration]
  ) throws -> ModelConfiguration {
    let vocabulary = try vocabulary ?? self.vocabulary()
    // A default that lies outside a small vocabulary is none.
    let beginning = defaults.beginningOfSequenceToken.flatMap { $0 < vocabulary.size ? $0 : nil }
    let ends = defaults.endOfSequenceTokens.filter { $0 < vocabulary.size }
    let positions =
      positionsAreScaled
      ? maximumPositions
      : layers.reduce(maximumPositions) {
        max($0, $1.rope?.scaling.reach(maximumPositions) ?? 0)
      }
    return try ModelConfiguration(
      modelType: modelType, hiddenSize: hiddenSize, vocabulary: vocabulary,
      normalization: NormalizationConfiguration(
        epsilon: source.number("rms_norm_eps") ?? defaults.rmsNormEpsilon,
        hasOutputNorms: hasOutputNorms),
      sequence: SequenceConfiguration(
        maximumPositions: positions,
        beginningToken: source.value("bos_token_id", source.integer, default: beginning),
        endTokens: source.value("eos_token_id", source.integers, default: ends) ?? []),
      layers: layers)
  }
}
