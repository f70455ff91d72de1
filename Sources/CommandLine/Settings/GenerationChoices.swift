import Inference

/// How to generate, as far as one place says so: the command line, a configuration file, or a
/// model's `generation_config.json`.
package struct GenerationChoices: Codable, Equatable, Sendable {
  package var maxTokens: Int?
  package var stopTexts: [String]?
  package var sampling: SamplingChoices

  package init(
    maxTokens: Int? = nil, stopTexts: [String]? = nil,
    sampling: SamplingChoices = SamplingChoices()
  ) {
    self.maxTokens = maxTokens
    self.stopTexts = stopTexts
    self.sampling = sampling
  }

  /// These choices, and where there is none, that of `other`.
  package func filled(from other: GenerationChoices) -> GenerationChoices {
    GenerationChoices(
      maxTokens: maxTokens ?? other.maxTokens, stopTexts: stopTexts ?? other.stopTexts,
      sampling: sampling.filled(from: other.sampling))
  }
}
