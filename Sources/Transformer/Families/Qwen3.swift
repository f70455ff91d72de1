/// Qwen3 (Alibaba, 2025): an RMSNorm on each head's queries and keys.
///
/// Tensor names, keys and defaults are those of `Qwen3Config` and `Qwen3ForCausalLM` in Hugging Face
/// Transformers.
public struct Qwen3: StandardFamily {
  public let modelType = "qwen3"
  public let architecture = "Qwen3ForCausalLM"
  public let knownKeys: Set<String> = FamilySettings.windowKeys.union(["attention_bias"])

  public init() {}

  public func configuration(from source: any ConfigurationSource) throws -> ModelConfiguration {
    let settings = try FamilySettings(
      source, modelType: modelType,
      defaults: FamilyDefaults(
        hiddenSize: 4096, intermediateSize: 22_016, vocabularySize: 151_936, layers: 32,
        queryHeads: 32, keyValueHeads: 32, headDimension: 128, maximumPositions: 32_768,
        rmsNormEpsilon: 1e-6, ropeTheta: 10_000, tiedEmbeddings: false,
        beginningOfSequenceToken: nil, endOfSequenceTokens: []))
    return try settings.configuration(
      layers: settings.upperWindowLayers(
        settings.attention(
          hasBias: source.boolean("attention_bias") ?? false, hasHeadNorms: true)))
  }
}
