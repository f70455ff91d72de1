import JSON
import Kernels
import ModelFiles
import Transformer

/// A model ready to run: its weights, and what its makers suggest for generation.
public struct Model: Sendable {
  /// What it is called in reports: `needle`, or its directory.
  public let name: String
  public let weights: ModelWeights
  public let suggestions: GenerationSuggestions
  /// Tokens after which generation ends.
  public let endOfSequenceTokens: Set<Int32>

  public var configuration: ModelConfiguration { weights.configuration }

  /// The built-in model: it retrieves and copies, and is not a language model.
  public static func builtIn() -> Model {
    let needle = NeedleModel()
    return Model(
      name: "needle", weights: needle.weights,
      suggestions: GenerationSuggestions(maximumTokens: 64, stopTexts: ["\n"]),
      endOfSequenceTokens: Set(needle.configuration.endOfSequenceTokens.map(Int32.init)))
  }

  /// A model directory in Hugging Face layout, its tensors memory-mapped.
  ///
  /// - Throws: `ModelFileError`, `JSONError` or `ModelError`.
  public init(directory: ModelDirectory, precision: Precision) throws {
    let configuration = try Self.configuration(of: directory)
    let weights = try ModelFamilies.weights(
      for: configuration,
      from: TensorFileSource(
        directory: directory.path, tensors: directory.openTensors(), precision: precision))
    let generation = directory.generationConfiguration
    let suggestions = try generation.map(GenerationSuggestions.init) ?? GenerationSuggestions()
    let ends =
      try generation?.integerOrIntegersIfPresent("eos_token_id")
      ?? configuration.endOfSequenceTokens
    self.init(
      name: directory.path, weights: weights, suggestions: suggestions,
      endOfSequenceTokens: Set(ends.compactMap { Int32(exactly: $0) }))
  }

  private init(
    name: String, weights: ModelWeights, suggestions: GenerationSuggestions,
    endOfSequenceTokens: Set<Int32>
  ) {
    self.name = name
    self.weights = weights
    self.suggestions = suggestions
    self.endOfSequenceTokens = endOfSequenceTokens
  }

  /// What `config.json` describes, without its tensors.
  ///
  /// - Throws: `ModelFileError`, `JSONError` or `ModelError`.
  public static func configuration(of directory: ModelDirectory) throws -> ModelConfiguration {
    try ModelFamilies.configuration(
      from: JSONConfigurationSource(document: directory.configuration))
  }
}

/// How a model's makers would generate with it; nil where they say nothing.
public struct GenerationSuggestions: Sendable, Equatable, Codable {
  public var maximumTokens: Int?
  public var stopTexts: [String]?
  public var temperature: Double?
  public var topK: Int?
  public var topP: Double?

  public init(maximumTokens: Int? = nil, stopTexts: [String]? = nil) {
    self.maximumTokens = maximumTokens
    self.stopTexts = stopTexts
  }

  /// From `generation_config.json`: its sampling settings count only where it says `do_sample`.
  init(_ document: JSONDocument) throws {
    maximumTokens = try document.integerIfPresent("max_new_tokens", in: 0...Int(Int32.max))
    stopTexts = try document.stringsIfPresent("stop_strings")
    guard try document.booleanIfPresent("do_sample") == true else { return }
    temperature = try document.numberIfPresent("temperature")
    topK = try document.integerIfPresent("top_k", in: 0...Int(Int32.max))
    topP = try document.numberIfPresent("top_p")
  }
}
