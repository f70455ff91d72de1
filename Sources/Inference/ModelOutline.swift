import Files
import JSON
import Kernels
import MPI
import ModelFiles
import Transformer

/// A model as its configuration and the headers of its files describe it: what can be checked and
/// counted before memory for its weights is taken.
public struct ModelOutline: Sendable {
  /// What it is called in reports: such as `needle`, its directory, or its file.
  public let name: String
  /// Where it lies; nil for what is made.
  let stored: (any StoredModel)?
  public let configuration: ModelConfiguration
  public let suggestions: GenerationSuggestions
  /// Tokens after which generation ends.
  public let endOfSequenceTokens: Set<Int32>
  public let weights: WeightPlan
  /// What a reader of its answers ought to know, each one sentence without a full stop.
  public let warnings: [String]
  /// What its configuration says that is not done.
  public let remarks: ConfigurationRemarks
  /// The model itself where it needs no loading.
  private let builtIn: ModelWeights?

  /// A built-in model: it retrieves and copies, and is not a language model.
  public static func builtIn(_ variant: NeedleModel.Variant = .plain) -> ModelOutline {
    let needle = NeedleModel(variant)
    let weights: WeightPlan
    do {
      weights = try WeightPlan(.builtIn, for: needle.configuration)
    } catch {
      preconditionFailure("the built-in model is of a known family: \(error)")
    }
    return ModelOutline(
      name: variant.rawValue, configuration: needle.configuration,
      suggestions: GenerationSuggestions(maximumTokens: 64, stopTexts: ["\n"]),
      endOfSequenceTokens: Set(needle.configuration.sequence.endTokens.map(Int32.init)),
      weights: weights, builtIn: needle.weights)
  }

  /// A model in files.
  ///
  /// - Parameters:
  ///   - precision: in which the model will compute.
  ///   - origin: `.files` for its own weights; `.random` and `.none` look for none.
  /// - Throws: `FileError` or `ModelError`.
  public init(
    _ model: any StoredModel, precision: Precision, weights origin: WeightPlan.Origin = .files
  ) throws {
    name = model.path
    stored = model
    let source = JSONConfigurationSource(document: model.configuration)
    let configuration = try ModelFamilies.configuration(from: source).rotating(
      model.rotatesAdjacentPairs ? .adjacent : .halves)
    self.configuration = configuration
    remarks = try ModelFamilies.remarks(on: source, besides: model.unknownKeys)
    let quantization = try ModelFamilies.quantization(of: source)
    weights =
      switch origin {
      case .files:
        try WeightPlan(
          files: Self.tensors(of: model, remarks), of: model.path, configuration: configuration,
          quantization: quantization, precision: precision)
      case .none:
        try WeightPlan(
          absent: configuration, as: AssumedStorage(of: model, quantization: quantization),
          precision: precision)
      case .builtIn, .random: try WeightPlan(origin, for: configuration)
      }
    warnings = try Self.warnings(model, remarks, weights)
    let generation = model.generationConfiguration
    suggestions = try generation.map(GenerationSuggestions.init) ?? GenerationSuggestions()
    let vocabulary = configuration.vocabulary.size
    let suggestedEnds = try generation.flatMap {
      try Self.endOfSequenceTokens(of: $0, vocabulary: vocabulary)
    }
    endOfSequenceTokens =
      suggestedEnds ?? Set(configuration.sequence.endTokens.map(Int32.init))
    builtIn = nil
  }

  /// The tensors by the names that the family has for them.
  ///
  /// - Throws: `FileError`.
  private static func tensors(
    of model: any StoredModel, _ remarks: ConfigurationRemarks
  ) throws -> any TensorCollection {
    let tensors = try model.openTensors()
    return remarks.multimodalType == nil ? tensors : try TextTensors(tensors, of: model.path)
  }

  /// A shape alone, with reproducible random weights.
  ///
  /// - Parameters:
  ///   - name: what it is called in reports.
  ///   - document: what `config.json` would be.
  /// - Throws: `ModelError`, `JSONError`.
  public init(name: String, randomWeightsFor document: JSONDocument) throws {
    let source = JSONConfigurationSource(document: document)
    configuration = try ModelFamilies.configuration(from: source)
    remarks = try ModelFamilies.remarks(on: source)
    warnings = []
    self.name = name
    stored = nil
    suggestions = GenerationSuggestions()
    endOfSequenceTokens = Set(configuration.sequence.endTokens.map(Int32.init))
    weights = try WeightPlan(.random, for: configuration)
    builtIn = nil
  }

  private init(
    name: String, configuration: ModelConfiguration, suggestions: GenerationSuggestions,
    endOfSequenceTokens: Set<Int32>, weights: WeightPlan, builtIn: ModelWeights
  ) {
    self.name = name
    self.configuration = configuration
    self.suggestions = suggestions
    self.endOfSequenceTokens = endOfSequenceTokens
    self.weights = weights
    self.builtIn = builtIn
    stored = nil
    warnings = []
    remarks = ConfigurationRemarks()
  }

  /// Nil where `generation_config.json` names none.
  private static func endOfSequenceTokens(
    of document: JSONDocument, vocabulary: Int
  ) throws -> Set<Int32>? {
    guard let tokens = try document.integerOrIntegersIfPresent("eos_token_id") else { return nil }
    for token in tokens where !(0..<vocabulary).contains(token) {
      throw FileError(
        .malformed,
        "\(document.path): \"eos_token_id\" names the token \(token), the vocabulary has the ids 0 "
          + "to \(vocabulary - 1); correct the file")
    }
    return Set(tokens.map(Int32.init))
  }

  /// The model with its weights, converted or made where the plan says so.
  ///
  /// - Parameters:
  ///   - host: the ranks of this host, all of which call this.
  ///   - team: this rank's threads.
  /// - Throws: `FileError` where weights are damaged and `SharedMemoryError`, on every rank of the host
  ///   or on none; `MPIError`.
  public func load(host: Communicator, team: ThreadTeam) throws -> Model {
    try loaded(host: host, team: team) {
      try builtIn ?? loadedWeights(host: host, team: team)
    }
  }

  /// The model, of whose weights this host holds its part.
  ///
  /// - Parameter givesContextLogits: whether logits of all positions of the context will be wanted.
  /// - Throws: as the other one.
  package func load(
    _ plan: DividedWeightPlan, givesContextLogits: Bool, host: Communicator, team: ThreadTeam
  ) throws -> Model {
    try loaded(host: host, team: team) {
      try DividedWeights(
        plan, givesContextLogits: givesContextLogits, host: host, team: team
      ).weights(of: configuration)
    }
  }

  private func loaded(
    host: Communicator, team: ThreadTeam, _ weights: () throws -> ModelWeights
  ) throws -> Model {
    precondition(self.weights.origin != .none, "\(name) has no weights")
    try self.weights.checkScales(host: host, team: team)
    return Model(
      name: name, weights: try weights(), suggestions: suggestions,
      endOfSequenceTokens: endOfSequenceTokens)
  }

  private func loadedWeights(host: Communicator, team: ThreadTeam) throws -> ModelWeights {
    let source = try PlannedWeightSource(weights, host: host, team: team)
    try weights.checkDecisiveValues(source)
    return try ModelFamilies.weights(for: configuration, from: source)
  }
}
