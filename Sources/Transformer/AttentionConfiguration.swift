import Kernels

/// The attention of one layer.
public struct AttentionConfiguration: Equatable, Sendable {
  public var queryHeads: Int
  /// Each serves `queryHeads / keyValueHeads` consecutive query heads.
  public var keyValueHeads: Int
  /// Elements of one head's query, key or value; even.
  public var headDimension: Int
  /// Whether the query, key and value projections have biases.
  public var hasBias: Bool
  /// Whether the output projection has one: where the others do, unless this is changed.
  public var hasOutputBias: Bool
  /// Which RMSNorms queries and keys pass before they are rotated.
  public var norms: QueryKeyNorms
  /// What q·k is multiplied by.
  public var scale: Double
  /// c, where scores are c · tanh(score / c).
  public var scoreSoftCap: Double?
  /// Whether there is no value projection: values are what the key projection gives, before the norm
  /// and the rotation of the keys.
  public var keysAreValues = false
  /// Whether each head's value passes an RMSNorm that has no factors.
  public var hasValueNorms = false
  /// c, where queries, keys and values are clamped to ±c behind their norms, before they are rotated.
  public var clip: Double?
  /// Whether each query head has a learned score that takes part in the softmax and has no value.
  public var hasSinks = false

  /// - Parameter scale: nil for 1/√headDimension, as in most families.
  public init(
    queryHeads: Int, keyValueHeads: Int, headDimension: Int, hasBias: Bool = false,
    norms: QueryKeyNorms = .none, scale: Double? = nil, scoreSoftCap: Double? = nil
  ) {
    self.queryHeads = queryHeads
    self.keyValueHeads = keyValueHeads
    self.headDimension = headDimension
    self.hasBias = hasBias
    hasOutputBias = hasBias
    self.norms = norms
    self.scale = scale ?? 1 / Double(headDimension).squareRoot()
    self.scoreSoftCap = scoreSoftCap
  }

  /// The width of all query heads together: the outputs of the query projection.
  public var queryWidth: Int { queryHeads * headDimension }

  /// The width of all key (or value) heads together: the outputs of the key projection.
  public var keyValueWidth: Int { keyValueHeads * headDimension }

  /// As the kernels want it; of a valid configuration.
  public var shape: AttentionShape {
    AttentionShape(
      queryHeads: queryHeads, keyValueHeads: keyValueHeads, headDimension: headDimension,
      scale: scale, softCap: scoreSoftCap)
  }
}

/// The RMSNorms that queries and keys pass.
public enum QueryKeyNorms: String, Equatable, Sendable {
  case none
  /// Of each head by itself, with the same factors for all.
  case ofHeads
  /// Of all query heads together, and of all key heads.
  case ofWidth

  /// Factors of the norm of so many heads.
  func factors(heads: Int, headDimension: Int) -> Int {
    switch self {
    case .none: 0
    case .ofHeads: headDimension
    case .ofWidth: heads * headDimension
    }
  }
}

extension AttentionConfiguration {
  /// - Throws: `ModelError` if a size is out of range or contradicts another.
  func validate() throws(ModelError) {
    typealias Limits = ModelConfiguration
    try Limits.check("the number of query heads", queryHeads, upTo: Limits.largestHeadCount)
    try Limits.check("the number of key/value heads", keyValueHeads, upTo: Limits.largestHeadCount)
    try Limits.check("the head dimension", headDimension, upTo: Limits.largestHeadDimension)
    guard queryHeads % keyValueHeads == 0 else {
      throw ModelError(
        .malformed,
        "the \(queryHeads) query heads cannot be divided evenly among the \(keyValueHeads) "
          + "key/value heads")
    }
    guard headDimension % 2 == 0 else {
      throw ModelError(
        .unsupported,
        "the head dimension is \(headDimension), but must be even to be supported")
    }
    try Limits.check("the scale of attention", scale)
    if let clip { try Limits.check("what queries, keys and values are clamped to", clip) }
    if let scoreSoftCap { try Limits.check("the soft cap of scores", scoreSoftCap) }
  }
}
