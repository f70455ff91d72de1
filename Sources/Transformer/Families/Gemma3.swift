/// Gemma 3's text models (Google, 2025, arXiv:2503.19786): as Gemma 2, with norms of the heads in the
/// place of soft caps; five layers with a window for one without, each kind with its own rotation.
///
/// Tensor names, keys and defaults are those of `Gemma3TextConfig` and `Gemma3ForCausalLM` in Hugging
/// Face Transformers.
public struct Gemma3: GemmaFamily {
  public let modelType = "gemma3_text"
  public let architecture = "Gemma3ForCausalLM"
  public let knownKeys: Set<String> = FamilySettings.gemmaKeys.union([
    "_sliding_window_pattern", "rope_local_base_freq", "rope_parameters.full_attention",
    "rope_parameters.sliding_attention", "sliding_window_pattern",
    // `hidden_activation` counts.
    "hidden_act",
  ])

  public init() {}

  public func configuration(from source: any ConfigurationSource) throws -> ModelConfiguration {
    let settings = try FamilySettings(
      source, modelType: modelType,
      defaults: FamilyDefaults(
        hiddenSize: 2304, intermediateSize: 9216, vocabularySize: 262_208, layers: 26,
        queryHeads: 8, keyValueHeads: 4, headDimension: 256, maximumPositions: 131_072,
        rmsNormEpsilon: 1e-6, ropeTheta: 1_000_000, tiedEmbeddings: true,
        beginningOfSequenceToken: 2, endOfSequenceTokens: [1]))
    let sliding = try settings.slidingLayers() ?? sliding(settings)
    let (global, local) = try ropes(settings)
    return try settings.gemmaConfiguration(
      hasHeadNorms: true, scoreSoftCap: nil, logitSoftCap: nil, sliding: sliding
    ) { sliding[$0] ? local : global }
  }

  /// Every so-many-th layer has no window.
  private func sliding(_ settings: FamilySettings) throws -> [Bool] {
    let source = settings.source
    let pattern =
      try source.integer("sliding_window_pattern") ?? source.integer("_sliding_window_pattern") ?? 6
    guard pattern >= 1 else {
      throw ModelError(
        .malformed,
        "\(source.name) sets \(source.title("sliding_window_pattern")) to \(pattern), but it must be "
          + "at least 1")
    }
    return (1...settings.layerCount).map { $0 % pattern != 0 }
  }

  /// `rope_parameters` has an object for each kind of layer; in older files `rope_scaling` is that of
  /// the layers without a window.
  private func ropes(_ settings: FamilySettings) throws -> (
    global: RoPEParameters, local: RoPEParameters
  ) {
    let source = settings.source
    let parameters = try source.object("rope_parameters")
    if let parameters, let key = parameters.keys.sorted().first(where: RoPEKeys.isKnown) {
      throw ModelError(
        .unsupported,
        "\(source.name) sets \(quoted(parameters.prefix + key)), but models of type "
          + "\(quoted(modelType)) have a rotation for each kind of layer; put it under "
          + "\"full_attention\" or \"sliding_attention\"")
    }
    return (
      global: try settings.rope(
        source.object("rope_scaling") ?? parameters?.object("full_attention"),
        theta: parameters?.object("full_attention")?.number("rope_theta")
          ?? source.number("rope_theta") ?? settings.defaults.ropeTheta),
      local: try settings.rope(
        parameters?.object("sliding_attention"),
        theta: source.number("rope_local_base_freq") ?? 10_000)
    )
  }
}
