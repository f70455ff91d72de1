/// The families this program knows. A new one is a file of its own and an entry here.
public enum ModelFamilies {
  public static let all: [any ModelFamily] = [
    Llama(), Mistral(), Qwen2(), Qwen3(), SmolLM3(), Gemma2(), Gemma3(), Phi3(),
    Mixtral(), Qwen2MoE(), Qwen3MoE(), OLMoE(), GLM4MoE(), GPTOSS(), Gemma4(),
  ]

  /// - Throws: `ModelError` that names the known types, if this is none of them.
  public static func family(ofType modelType: String) throws(ModelError) -> any ModelFamily {
    guard let family = all.first(where: { $0.modelType == modelType }) else {
      let known = all.map { quoted($0.modelType) }.joined(separator: ", ")
      throw ModelError(
        .unsupported, "the model type \(quoted(modelType)) is not supported; supported are \(known)"
      )
    }
    return family
  }

  /// Reads `model_type`, and the rest as that family does. What a model is comes before how it is
  /// configured: its type, its architecture, how its weights are quantized, and then all keys that ask
  /// for what is not supported.
  ///
  /// Of a multimodal model that is the text part.
  ///
  /// - Throws: `ModelError`, what the source's look-ups throw.
  public static func configuration(from source: any ConfigurationSource) throws
    -> ModelConfiguration
  {
    let source = try text(of: source)
    let family = try family(ofType: source.required("model_type", source.string))
    try checkArchitecture(source, family.modelType, family.architecture)
    _ = try quantization(of: source)
    let result = Result { try family.configuration(from: source) }
    var failure: (any Error)?
    if case .failure(let error) = result { failure = error }
    try KeyReview(source, of: family).check(besides: failure)
    return try result.get()
  }

  /// - Throws: `ModelError` where the source lists architectures, and not this one.
  static func checkArchitecture(
    _ source: any ConfigurationSource, _ modelType: String, _ architecture: String
  ) throws {
    guard let given = try source.strings("architectures"), !given.isEmpty else { return }
    // Older files differ in the case of letters: LLaMAForCausalLM.
    let isListed = given.contains { $0.lowercased() == architecture.lowercased() }
    guard !isListed else { return }
    throw ModelError(
      .unsupported,
      "\(source.name) lists \(given.prefix(8).map(quoted).joined(separator: ", ")) under "
        + "\"architectures\"; of models of type \(quoted(modelType)) only "
        + "\(quoted(architecture)) is supported")
  }

  /// Beginnings of the names of tensors that a model's files may have although it does not use them.
  ///
  /// - Throws: `ModelError`.
  public static func unusedPrefixes(of configuration: ModelConfiguration) throws -> [String] {
    // A head that is the embedding, with its scales.
    let head = configuration.vocabulary.isTied ? ["lm_head.weight"] : []
    return try head + family(ofType: configuration.modelType).unusedPrefixes(of: configuration)
  }

  /// Reads the weights under the names of the configuration's family.
  public static func weights(
    for configuration: ModelConfiguration, from source: any WeightSource
  ) throws -> ModelWeights {
    try family(ofType: configuration.modelType).weights(for: configuration, from: source)
  }
}
