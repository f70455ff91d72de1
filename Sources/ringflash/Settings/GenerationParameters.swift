/// How to generate, with nothing left open.
package struct GenerationParameters: Codable, Equatable, Sendable {
  package var maxTokens: Int
  package var stopTexts: [String]
  /// 0 takes the likeliest token.
  package var temperature: Double
  /// 0 is all tokens.
  package var topK: Int
  /// In (0, 1]; 1 is all tokens.
  package var topP: Double
  package var seed: UInt64

  /// The first that says something wins: the command line, the configuration file, the model, and last
  /// the built-in values (128 tokens, greedy, seed 0).
  package init(
    flags: GenerationChoices, file: GenerationChoices = .init(), model: GenerationChoices
  ) {
    let choices = flags.filled(from: file).filled(from: model)
    maxTokens = choices.maxTokens ?? 128
    stopTexts = choices.stopTexts ?? []
    temperature = choices.temperature ?? 0
    topK = choices.topK ?? 0
    topP = choices.topP ?? 1
    seed = choices.seed ?? 0
  }
}
