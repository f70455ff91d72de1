import Kernels

/// Phi-3, Phi-3.5, Phi-4 and Phi-4-mini (Microsoft, 2024 to 2025): one matrix for queries, keys and
/// values and one for gate and up; LongRoPE, in some on a part of each head.
///
/// Tensor names, keys and defaults are those of `Phi3Config` and `Phi3ForCausalLM` in Hugging Face
/// Transformers.
public struct Phi3: StandardFamily {
  public let modelType = "phi3"
  public let architecture = "Phi3ForCausalLM"
  public let knownKeys: Set<String> = [
    "hidden_act", "original_max_position_embeddings", "partial_rotary_factor", "sliding_window",
  ]

  // Older names of the same thing.
  public let ropeTypeNames = ["su": "longrope", "yarn": "longrope"]

  public init() {}

  // MARK: Attention

  func attention(
    _ prefix: String, _ layer: LayerConfiguration, _ configuration: ModelConfiguration,
    _ source: any WeightSource
  ) throws -> AttentionWeights {
    let (queryWidth, width) = (layer.attention.queryWidth, layer.attention.keyValueWidth)
    let fused = try source.matrix(
      prefix + ".qkv_proj", outputs: queryWidth + 2 * width, inputs: configuration.hiddenSize)
    return AttentionWeights(
      query: fused.rows(0..<queryWidth),
      key: fused.rows(queryWidth..<queryWidth + width),
      value: fused.rows(queryWidth + width..<queryWidth + 2 * width),
      output: try source.matrix(
        prefix + ".o_proj", outputs: configuration.hiddenSize, inputs: queryWidth))
  }

  // MARK: Feed-forward

  func mlp(
    _ prefix: String, _ dense: DenseFeedForwardConfiguration, hiddenSize: Int,
    _ source: any WeightSource
  ) throws -> any FeedForward {
    let intermediate = dense.intermediateSize
    let fused = try source.matrix(
      prefix + ".gate_up_proj", outputs: 2 * intermediate, inputs: hiddenSize)
    return DenseFeedForward(
      gate: fused.rows(0..<intermediate), up: fused.rows(intermediate..<2 * intermediate),
      down: try source.matrix(
        prefix + ".down_proj", outputs: hiddenSize, inputs: intermediate),
      activation: dense.activation)
  }

  // MARK: Configuration

  public func configuration(from source: any ConfigurationSource) throws -> ModelConfiguration {
    let settings = try FamilySettings(
      source, modelType: modelType,
      defaults: FamilyDefaults(
        hiddenSize: 3072, intermediateSize: 8192, vocabularySize: 32_064, layers: 32,
        queryHeads: 32, keyValueHeads: nil, headDimension: nil, maximumPositions: 4096,
        rmsNormEpsilon: 1e-5, ropeTheta: 10_000, tiedEmbeddings: false, beginningOfSequenceToken: 1,
        endOfSequenceTokens: [32_000]))
    let rope = try settings.rope(
      rename: ropeTypeNames,
      originalPositions: source.integer("original_max_position_embeddings") ?? 4096)
    let window = try source.integer("sliding_window")
    let feedForward = try settings.dense(activation: "hidden_act")
    let attention = try settings.attention()
    return try settings.configuration(
      layers: (0..<settings.layerCount).map { _ in
        LayerConfiguration(
          attention: attention, rope: rope, pattern: AttentionPattern(slidingWindow: window),
          feedForward: feedForward)
      })
  }
}
