import Kernels

/// Mistral (Mistral AI, 2023): every layer with one sliding window, or none.
///
/// Tensor names, keys and defaults are those of `MistralConfig` and `MistralForCausalLM` in Hugging
/// Face Transformers.
public struct Mistral: StandardFamily {
  public let modelType = "mistral"
  public let architecture = "MistralForCausalLM"
  public let knownKeys: Set<String> = ["hidden_act", "sliding_window"]

  public init() {}

  public func configuration(from source: any ConfigurationSource) throws -> ModelConfiguration {
    let settings = try FamilySettings(
      source, modelType: modelType,
      defaults: FamilyDefaults(
        hiddenSize: 4096, intermediateSize: 14_336, vocabularySize: 32_000, layers: 32,
        queryHeads: 32, keyValueHeads: 8, headDimension: nil, maximumPositions: 131_072,
        rmsNormEpsilon: 1e-6, ropeTheta: 10_000, tiedEmbeddings: false, beginningOfSequenceToken: 1,
        endOfSequenceTokens: [2]))
    let window = try source.value("sliding_window", source.integer, default: 4096)
    let attention = try settings.attention()
    let rope = try settings.rope()
    let feedForward = try settings.dense(activation: "hidden_act")
    return try settings.configuration(
      layers: (0..<settings.layerCount).map { _ in
        LayerConfiguration(
          attention: attention, rope: rope, pattern: AttentionPattern(slidingWindow: window),
          feedForward: feedForward)
      })
  }
}
