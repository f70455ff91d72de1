import Transformer

extension WeightPlan {
  /// What is used of the weights for one token, known before there are any.
  public struct Activity: Sendable, Equatable {
    /// Of a mixture of experts, those of the experts that a token goes to.
    public let parameters: Int
    /// Bytes of matrices that are read for a token that runs alone, the head's included.
    public let bytes: Int
  }

  /// - Parameter configuration: the one that the plan was made for.
  /// - Throws: `ModelError`.
  public func activity(of configuration: ModelConfiguration) throws -> Activity {
    let weights = try shapes(for: configuration)
    return Activity(
      parameters: weights.activeParameters, bytes: AppendPass.weightBytesPerToken(weights))
  }

  /// The model's weights with their shapes and formats, and nothing in them.
  ///
  /// - Parameters:
  ///   - configuration: the one that the plan was made for.
  ///   - places: where matrices are said to be, by their names, though nothing is there.
  /// - Throws: `ModelError`.
  public func shapes(
    for configuration: ModelConfiguration, at places: [String: UnsafeRawPointer] = [:]
  ) throws -> ModelWeights {
    let formats = Dictionary(uniqueKeysWithValues: tensors.map { ($0.request.name, $0.format) })
    return try ModelFamilies.weights(
      for: configuration, from: OutlineSource(formats: formats, places: places))
  }
}
