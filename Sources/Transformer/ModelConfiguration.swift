import Kernels

/// The shape of a decoder-only transformer: pre-norm blocks of grouped-query attention and a
/// feed-forward.
///
/// Every value of this type is valid: sizes are positive, agree with each other and are small
/// enough that no product of them overflows.
public struct ModelConfiguration: Equatable, Sendable {
  /// The name of the family, as in `config.json`.
  public let modelType: String
  public let hiddenSize: Int
  public let vocabulary: VocabularyConfiguration
  public let attention: AttentionConfiguration
  public let normalization: NormalizationConfiguration
  public let sequence: SequenceConfiguration
  public private(set) var layers: [LayerConfiguration]

  /// - Throws: `ModelError` if a size is out of range or contradicts another.
  public init(
    modelType: String, hiddenSize: Int, vocabulary: VocabularyConfiguration,
    attention: AttentionConfiguration, normalization: NormalizationConfiguration,
    sequence: SequenceConfiguration, layers: [LayerConfiguration]
  ) throws(ModelError) {
    self.modelType = modelType
    self.hiddenSize = hiddenSize
    self.vocabulary = vocabulary
    self.attention = attention
    self.normalization = normalization
    self.sequence = sequence
    self.layers = layers
    try validate()
  }

  /// The same model where the coordinates of a rotated pair stand so in the rows of its query and key
  /// projections.
  public func rotating(_ layout: RotationLayout) -> ModelConfiguration {
    var configuration = self
    configuration.layers = layers.map { layer in
      var rope = layer.rope
      rope?.layout = layout
      return LayerConfiguration(
        rope: rope, pattern: layer.pattern, feedForward: layer.feedForward)
    }
    return configuration
  }

  /// The different rotations of the layers, in the order of their first layers.
  public var ropes: [RoPEParameters] {
    layers.reduce(into: []) { ropes, layer in
      if let rope = layer.rope, !ropes.contains(rope) { ropes.append(rope) }
    }
  }

  /// The different attention patterns of the layers, in the order of their first layers.
  public var patterns: [AttentionPattern] {
    layers.reduce(into: []) { patterns, layer in
      if !patterns.contains(layer.pattern) { patterns.append(layer.pattern) }
    }
  }
}

/// The tokens that a model knows, and how they become hidden states and logits.
public struct VocabularyConfiguration: Equatable, Sendable {
  /// How many there are.
  public var size: Int
  /// What an embedding is multiplied by before the first layer.
  public var embeddingScale: Double
  /// Whether the head of the vocabulary is the embedding.
  public var isTied: Bool
  /// c, where logits are c · tanh(logit / c).
  public var logitSoftCap: Double?

  public init(
    size: Int, embeddingScale: Double = 1, isTied: Bool, logitSoftCap: Double? = nil
  ) {
    self.size = size
    self.embeddingScale = embeddingScale
    self.isTied = isTied
    self.logitSoftCap = logitSoftCap
  }
}

/// The attention of all layers.
public struct AttentionConfiguration: Equatable, Sendable {
  public var queryHeads: Int
  /// Each serves `queryHeads / keyValueHeads` consecutive query heads.
  public var keyValueHeads: Int
  /// Elements of one head's query, key or value; even.
  public var headDimension: Int
  /// Whether the query, key and value projections have biases; whether the output projection has
  /// one too, the family says.
  public var hasBias: Bool
  /// Whether each head's queries and keys pass an RMSNorm before they are rotated.
  public var hasHeadNorms: Bool
  /// What q·k is multiplied by.
  public var scale: Double
  /// c, where scores are c · tanh(score / c).
  public var scoreSoftCap: Double?

  /// - Parameter scale: nil for 1/√headDimension, as in most families.
  public init(
    queryHeads: Int, keyValueHeads: Int, headDimension: Int, hasBias: Bool = false,
    hasHeadNorms: Bool = false, scale: Double? = nil, scoreSoftCap: Double? = nil
  ) {
    self.queryHeads = queryHeads
    self.keyValueHeads = keyValueHeads
    self.headDimension = headDimension
    self.hasBias = hasBias
    self.hasHeadNorms = hasHeadNorms
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

/// The RMSNorms of all layers.
public struct NormalizationConfiguration: Equatable, Sendable {
  public var epsilon: Double
  /// Whether what attention and feed-forward give passes an RMSNorm before it is added to the
  /// stream.
  public var hasOutputNorms: Bool

  public init(epsilon: Double, hasOutputNorms: Bool = false) {
    self.epsilon = epsilon
    self.hasOutputNorms = hasOutputNorms
  }
}

/// The sequences that a model is made for.
public struct SequenceConfiguration: Equatable, Sendable {
  /// The longest one, with the scaling of the model's RoPE, in tokens.
  public var maximumPositions: Int
  public var beginningToken: Int?
  /// Tokens after which generation stops; may be empty.
  public var endTokens: [Int]

  public init(maximumPositions: Int, beginningToken: Int? = nil, endTokens: [Int] = []) {
    self.maximumPositions = maximumPositions
    self.beginningToken = beginningToken
    self.endTokens = endTokens
  }
}
