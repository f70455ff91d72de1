/// The configuration of a multimodal model, read as that of its text model.
struct MultimodalWrapper {
  let type: MultimodalType
  /// What the text model's family reads.
  let text: TextConfigurationSource
  /// Keys beside the text part of which nobody here knows what they ask for.
  let unknownKeys: [String]

  /// Nil for a text model, and for what is no model that anybody here knows.
  ///
  /// - Throws: `ModelError` where no family computes the text part; what the source's look-ups throw.
  init?(_ source: any ConfigurationSource) throws {
    let modelType = try source.required("model_type", source.string)
    guard !ModelFamilies.all.contains(where: { $0.modelType == modelType }) else { return nil }
    guard let type = MultimodalType.all.first(where: { $0.modelType == modelType }) else {
      guard let part = Self.unknownPart(source) else { return nil }
      throw Self.unsupported(source, modelType, part, isKnown: false)
    }
    try ModelFamilies.checkArchitecture(source, modelType, type.architecture)
    let part = try source.object("text_config")
    guard part != nil || type.mayHaveTextAtRoot && source.keys.contains("hidden_size") else {
      throw ModelError(
        .malformed,
        "\(source.name) has no \(quoted("text_config")), which describes the text model of a "
          + "multimodal model of type \(quoted(modelType)); fetch the file again")
    }
    let textType = try part?.string("model_type") ?? type.textType
    guard let text = MultimodalText.of(textType) else {
      throw Self.unsupported(source, modelType, textType, isKnown: true)
    }
    self.type = type
    self.text = try TextConfigurationSource(root: source, part: part, text)
    unknownKeys = part == nil ? [] : Self.unknownKeys(source, beside: text.family)
  }

  /// What stands at the root of a file with a `text_config` is read by nobody, the text part's own keys
  /// among it.
  private static func unknownKeys(
    _ root: any ConfigurationSource, beside familyType: String
  ) -> [String] {
    let family = ModelFamilies.all.first { $0.modelType == familyType }
    let known = MultimodalType.keys.union(HarmlessKeys.all).union(KeyReview.readByAll)
      .union(UnsupportedKey.all.keys).union(family?.knownKeys ?? [])
    return root.keys.sorted().filter { !known.contains($0) && root.setting($0) != .null }
  }

  /// The type of the text part of a multimodal model that is not in the list, or empty where the file
  /// does not say it; nil for what is no such model.
  private static func unknownPart(_ source: any ConfigurationSource) -> String? {
    for key in ["text_config", "llm_config", "language_config", "thinker_config"] {
      guard let text = try? source.object(key) else { continue }
      return ((try? text.string("model_type")) ?? nil) ?? ""
    }
    return ["vision_config", "audio_config"].contains(where: source.keys.contains) ? "" : nil
  }

  /// - Parameter isKnown: whether it is the text part alone that is not supported.
  private static func unsupported(
    _ source: any ConfigurationSource, _ modelType: String, _ textType: String, isKnown: Bool
  ) -> ModelError {
    let part = textType.isEmpty ? "" : " with a text part of type \(quoted(textType))"
    let known =
      isKnown
      ? "text parts" + supported(ModelFamilies.all.map(\.modelType))
      : "multimodal models" + supported(MultimodalType.all.map(\.modelType))
    return ModelError(
      .unsupported,
      "\(source.name) describes a multimodal model of type \(quoted(modelType))\(part), which is not "
        + "supported; supported are \(known)")
  }

  private static func supported(_ types: [String]) -> String {
    " of type " + types.map(quoted).joined(separator: ", ")
  }
}

extension ModelFamilies {
  /// What a family reads: the source itself, or the text part of a multimodal model.
  ///
  /// - Throws: as `MultimodalWrapper`.
  static func text(of source: any ConfigurationSource) throws -> any ConfigurationSource {
    try MultimodalWrapper(source)?.text ?? source
  }
}
