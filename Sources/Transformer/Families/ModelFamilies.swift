/// The families this program knows. A new one is a file of its own and an entry here.
public enum ModelFamilies {
  public static let all: [any ModelFamily] = [
    Llama(), Mistral(), Qwen2(), Qwen3(), SmolLM3(), Gemma2(), Gemma3(), Phi3(),
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

  /// Reads `model_type`, and the rest as that family does.
  public static func configuration(from source: any ConfigurationSource) throws
    -> ModelConfiguration
  {
    let modelType = try source.required("model_type", source.string)
    return try family(ofType: modelType).configuration(from: source)
  }

  /// Reads the weights under the names of the configuration's family.
  public static func weights(
    for configuration: ModelConfiguration, from source: any WeightSource
  ) throws -> ModelWeights {
    try family(ofType: configuration.modelType).weights(for: configuration, from: source)
  }
}
