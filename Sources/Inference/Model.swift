import Transformer

/// A model ready to run: its weights, and what its makers suggest for generation. A `ModelOutline`
/// loads it.
public struct Model: Sendable {
  /// What it is called in reports: such as `needle`, or its directory.
  public let name: String
  public let weights: ModelWeights
  public let suggestions: GenerationSuggestions
  /// Tokens after which generation ends.
  public let endOfSequenceTokens: Set<Int32>

  public var configuration: ModelConfiguration { weights.configuration }
}
