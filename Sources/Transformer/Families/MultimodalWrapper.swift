/// A model of text and images whose text part is of a supported family, or of none.
struct MultimodalWrapper {
  private let modelType: String
  /// Nil where the file does not say.
  private let textType: String?
  /// The key of the object that describes the text part; nil where that stands at the root.
  private let key: String?

  /// Text parts that compute what a family of another name does: with text alone, the three positions
  /// of their rotation are one.
  private static let families = [
    "qwen2_vl": "qwen2", "qwen2_vl_text": "qwen2", "qwen2_5_vl": "qwen2",
    "qwen2_5_vl_text": "qwen2", "qwen3_vl": "qwen3", "qwen3_vl_text": "qwen3",
  ]
  /// Of text parts that do not say it themselves.
  private static let textTypes = [
    "gemma3": "gemma3_text", "llava": "llama", "llava_next": "llama", "mistral3": "mistral",
    "pixtral": "mistral",
  ]

  /// Nil for what is no such model.
  init?(_ source: any ConfigurationSource, modelType: String) {
    self.modelType = modelType
    for key in ["text_config", "llm_config", "language_config"] {
      guard let text = try? source.object(key) else { continue }
      self.key = key
      textType = ((try? text.string("model_type")) ?? nil) ?? Self.textTypes[modelType]
      return
    }
    guard source.keys.contains("vision_config") || source.keys.contains("audio_config") else {
      return nil
    }
    key = nil
    textType = modelType
  }

  func error(_ name: String) -> ModelError {
    let start = "\(name) describes a multimodal model, of type \(quoted(modelType))"
    let known = ModelFamilies.all.map(\.modelType)
    guard let textType,
      let family = Self.families[textType] ?? (known.contains(textType) ? textType : nil)
    else {
      let part = textType.map { ", and its text part is of type \(quoted($0))" } ?? ""
      return ModelError(
        .unsupported,
        "\(start)\(part), which is not supported; supported are "
          + known.map(quoted).joined(separator: ", "))
    }
    let configuration = key.map { "what stands here under \(quoted($0))" } ?? "this one's text keys"
    let renamed = family == textType ? "" : " and \(quoted("model_type")): \(quoted(family))"
    return ModelError(
      .unsupported,
      "\(start), of which only the text part, as type \(quoted(family)), could run: use a "
        + "text-only checkpoint, or make a directory with \(configuration)\(renamed) as config.json "
        + "and the tensors of the language model as \"model.…\" in model.safetensors")
  }
}
