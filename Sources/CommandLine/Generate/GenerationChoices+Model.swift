import Inference
import Ranks

extension GenerationChoices {
  /// What the model's makers suggest.
  ///
  /// - Throws: 65 for what no option could say, such as an empty stop text.
  init(suggestedBy model: ModelOutline) throws(Failure) {
    let suggestions = model.suggestions
    self.init(
      maxTokens: suggestions.maximumTokens, stopTexts: suggestions.stopTexts,
      sampling: suggestions.sampling)
    func check(_ isValid: Bool, _ key: String, _ expected: String) throws(Failure) {
      guard !isValid else { return }
      throw Failure(
        .badData,
        "\(model.name)/generation_config.json: \"\(key)\" must be \(expected); correct the file")
    }
    try check(
      stopTexts?.contains("") != true, "stop_strings", "a list of texts of at least one character")
    for (key, value, range) in [
      ("temperature", sampling.temperature, SamplingRange.temperature),
      ("top_p", sampling.topP, .topP), ("min_p", sampling.minP, .minP),
      ("repetition_penalty", sampling.repetitionPenalty, .repetitionPenalty),
    ] {
      try check(value.map(range.contains) ?? true, key, range.description)
    }
  }
}
