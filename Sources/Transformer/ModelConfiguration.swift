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
  public let normalization: NormalizationConfiguration
  public let sequence: SequenceConfiguration
  public private(set) var layers: [LayerConfiguration]
  /// Whether a prefill runs the last layer of all positions even where the logits of the last one alone
  /// are wanted: of a model that does in its last layer what it is run for. Files of a model do not say
  /// so.
  public var runsLastLayerWhole = false

  /// - Throws: `ModelError` if a size is out of range or contradicts another.
  public init(
    modelType: String, hiddenSize: Int, vocabulary: VocabularyConfiguration,
    normalization: NormalizationConfiguration, sequence: SequenceConfiguration,
    layers: [LayerConfiguration]
  ) throws(ModelError) {
    self.modelType = modelType
    self.hiddenSize = hiddenSize
    self.vocabulary = vocabulary
    self.normalization = normalization
    self.sequence = sequence
    self.layers = layers
    try validate()
  }

  /// The same model where the coordinates of a rotated pair stand so in the rows of its query and key
  /// projections.
  public func rotating(_ layout: RotationLayout) -> ModelConfiguration {
    var configuration = self
    for index in layers.indices { configuration.layers[index].rope?.layout = layout }
    return configuration
  }

  /// The different attentions of the layers, in the order of their first layers.
  public var attentions: [AttentionConfiguration] {
    layers.reduce(into: []) { attentions, layer in
      if !attentions.contains(layer.attention) { attentions.append(layer.attention) }
    }
  }

  /// The different rotations of the layers, in the order of their first layers.
  public var rotations: [LayerRotation] {
    layers.reduce(into: []) { rotations, layer in
      if let rotation = layer.rotation, !rotations.contains(rotation) {
        rotations.append(rotation)
      }
    }
  }

  /// Whether a context of so many tokens is rotated as if it had `other`; see `RoPE`.
  public func rotates(_ tokens: Int, as other: Int) -> Bool {
    rotations.allSatisfy {
      RoPE($0.parameters, headDimension: $0.headDimension).rotates(tokens, as: other)
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
