/// One published architecture: what its tensors and its configuration keys are called, and what
/// they mean.
public protocol ModelFamily: Sendable {
  /// The value of `model_type` in `config.json`.
  var modelType: String { get }
  /// What `architectures` must list, if the file has such a key.
  var architecture: String { get }
  /// Keys of `config.json` that the family reads besides those of all families, or that are known to
  /// bear on nothing in it.
  var knownKeys: Set<String> { get }
  /// From what its files call a type of RoPE to what is meant, where that differs.
  var ropeTypeNames: [String: String] { get }
  /// Whether its layers may have experts.
  var hasExperts: Bool { get }

  /// Beginnings of the names of tensors that published files have although no such model uses them: layers
  /// that predict further tokens.
  func unusedPrefixes(of configuration: ModelConfiguration) -> [String]

  /// - Throws: `ModelError` if the source contradicts itself or asks for something that is not
  ///   supported; what the source's look-ups throw.
  func configuration(from source: any ConfigurationSource) throws -> ModelConfiguration

  /// The weights of a model with that configuration, matrices left in place.
  ///
  /// - Throws: what the source throws.
  func weights(for configuration: ModelConfiguration, from source: any WeightSource) throws
    -> ModelWeights
}

extension ModelFamily {
  public var ropeTypeNames: [String: String] { [:] }
  public var hasExperts: Bool { false }
  public func unusedPrefixes(of configuration: ModelConfiguration) -> [String] { [] }
}
