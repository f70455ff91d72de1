/// One published architecture: what its tensors and its configuration keys are called, and what
/// they mean.
public protocol ModelFamily: Sendable {
  /// The value of `model_type` in `config.json`.
  var modelType: String { get }

  /// - Throws: `ModelError` if the source contradicts itself or asks for something that is not
  ///   supported; what the source's look-ups throw.
  func configuration(from source: any ConfigurationSource) throws -> ModelConfiguration

  /// The weights of a model with that configuration, matrices left in place.
  ///
  /// - Throws: what the source throws.
  func weights(for configuration: ModelConfiguration, from source: any WeightSource) throws
    -> ModelWeights
}
