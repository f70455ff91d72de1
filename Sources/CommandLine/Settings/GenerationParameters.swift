import Inference

/// How to generate, with nothing left open.
package struct GenerationParameters: Equatable, Sendable {
  package var maxTokens: Int
  package var stopTexts: [String]
  package var sampling: SamplingParameters

  /// The first that says something wins: the command line, the configuration file, the model, and
  /// last the built-in values (128 tokens, greedy, seed 0).
  package init(
    flags: GenerationChoices, file: GenerationChoices = .init(), model: GenerationChoices
  ) {
    let choices = flags.filled(from: file).filled(from: model)
    maxTokens = choices.maxTokens ?? 128
    stopTexts = choices.stopTexts ?? []
    sampling = SamplingParameters(choices.sampling)
  }
}

/// One object with the keys of both; what answers are known again by.
extension GenerationParameters: Encodable {
  private enum CodingKeys: CodingKey { case maxTokens, stopTexts }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(maxTokens, forKey: .maxTokens)
    try container.encode(stopTexts, forKey: .stopTexts)
    try sampling.encode(to: encoder)
  }
}
