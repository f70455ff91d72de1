/// Llama (Meta, 2023 to 2024: Llama 2, 3, 3.1, 3.2) and models of its shape, such as TinyLlama and
/// SmolLM2.
///
/// Tensor names, keys and defaults are those of `LlamaConfig` and `LlamaForCausalLM` in Hugging Face
/// Transformers.
public struct Llama: StandardFamily {
  public let modelType = "llama"
  public let architecture = "LlamaForCausalLM"
  public let knownKeys: Set<String> = ["attention_bias", "hidden_act", "mlp_bias"]

  public init() {}

  public func configuration(from source: any ConfigurationSource) throws -> ModelConfiguration {
    let settings = try FamilySettings(
      source, modelType: modelType,
      defaults: FamilyDefaults(
        hiddenSize: 4096, intermediateSize: 11_008, vocabularySize: 32_000, layers: 32,
        queryHeads: 32, keyValueHeads: nil, headDimension: nil, maximumPositions: 2048,
        rmsNormEpsilon: 1e-6, ropeTheta: 10_000, tiedEmbeddings: false, beginningOfSequenceToken: 1,
        endOfSequenceTokens: [2]))
    let attention = try settings.attention(hasBias: source.boolean("attention_bias") ?? false)
    let rope = try settings.rope()
    let feedForward = try settings.dense(activation: "hidden_act", bias: "mlp_bias")
    return try settings.configuration(
      layers: (0..<settings.layerCount).map { _ in
        LayerConfiguration(attention: attention, rope: rope, feedForward: feedForward)
      })
  }
}
