/// How to generate, as far as one place says so: the command line, a configuration file, or a model's
/// `generation_config.json`.
package struct GenerationChoices: Codable, Equatable, Sendable {
  package var maxTokens: Int?
  package var stopTexts: [String]?
  package var temperature: Double?
  package var topK: Int?
  package var topP: Double?
  package var seed: UInt64?

  package init(
    maxTokens: Int? = nil, stopTexts: [String]? = nil, temperature: Double? = nil,
    topK: Int? = nil, topP: Double? = nil, seed: UInt64? = nil
  ) {
    self.maxTokens = maxTokens
    self.stopTexts = stopTexts
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.seed = seed
  }

  /// These choices, and where there is none, that of `other`.
  package func filled(from other: GenerationChoices) -> GenerationChoices {
    GenerationChoices(
      maxTokens: maxTokens ?? other.maxTokens, stopTexts: stopTexts ?? other.stopTexts,
      temperature: temperature ?? other.temperature, topK: topK ?? other.topK,
      topP: topP ?? other.topP, seed: seed ?? other.seed)
  }
}
