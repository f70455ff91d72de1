import Kernels

/// The shape of a decoder-only transformer: pre-norm blocks of grouped-query attention and a gated
/// MLP.
///
/// Every value of this type is valid: sizes are positive, agree with each other and are small
/// enough that no product of them overflows.
public struct ModelConfiguration: Equatable, Sendable {
  /// The name of the family, as in `config.json`.
  public let modelType: String
  public let hiddenSize: Int
  public let intermediateSize: Int
  public let vocabularySize: Int
  public let queryHeads: Int
  /// Each serves `queryHeads / keyValueHeads` consecutive query heads.
  public let keyValueHeads: Int
  /// Elements of one head's query, key or value; even.
  public let headDimension: Int
  public let rmsNormEpsilon: Double
  /// Whether the query, key and value projections have biases; whether the output projection has
  /// one too, the family says.
  public let attentionBias: Bool
  /// Whether the projections of the MLP have biases.
  public let mlpBias: Bool
  /// Whether each head's queries and keys pass an RMSNorm before they are rotated.
  public let headNorms: Bool
  /// Whether the outputs of attention and MLP pass an RMSNorm before they are added to the stream.
  public let outputNorms: Bool
  public let activation: GatedActivation
  /// What q·k is multiplied by: 1/√headDimension in most families.
  public let attentionScale: Double
  /// c, where scores are c · tanh(score / c).
  public let scoreSoftCap: Double?
  /// The same for logits.
  public let logitSoftCap: Double?
  /// What an embedding is multiplied by before the first layer.
  public let embeddingScale: Double
  /// Whether the head of the vocabulary is the embedding.
  public let tiedEmbeddings: Bool
  /// The longest sequence the model is made for with the scaling of its RoPE, in tokens.
  public let maximumPositions: Int
  public let layers: [LayerConfiguration]
  public let beginningOfSequenceToken: Int?
  /// Tokens after which generation stops; may be empty.
  public let endOfSequenceTokens: [Int]

  /// - Parameter attentionScale: nil for 1/√headDimension.
  /// - Throws: `ModelError` if a size is out of range or contradicts another.
  public init(
    modelType: String, hiddenSize: Int, intermediateSize: Int, vocabularySize: Int,
    queryHeads: Int, keyValueHeads: Int, headDimension: Int, rmsNormEpsilon: Double,
    attentionBias: Bool = false, mlpBias: Bool = false, headNorms: Bool = false,
    outputNorms: Bool = false, activation: GatedActivation = .swiGLU,
    attentionScale: Double? = nil, scoreSoftCap: Double? = nil, logitSoftCap: Double? = nil,
    embeddingScale: Double = 1, tiedEmbeddings: Bool, maximumPositions: Int,
    layers: [LayerConfiguration], beginningOfSequenceToken: Int?, endOfSequenceTokens: [Int]
  ) throws(ModelError) {
    self.modelType = modelType
    self.hiddenSize = hiddenSize
    self.intermediateSize = intermediateSize
    self.vocabularySize = vocabularySize
    self.queryHeads = queryHeads
    self.keyValueHeads = keyValueHeads
    self.headDimension = headDimension
    self.rmsNormEpsilon = rmsNormEpsilon
    self.attentionBias = attentionBias
    self.mlpBias = mlpBias
    self.headNorms = headNorms
    self.outputNorms = outputNorms
    self.activation = activation
    self.attentionScale = attentionScale ?? 1 / Double(headDimension).squareRoot()
    self.scoreSoftCap = scoreSoftCap
    self.logitSoftCap = logitSoftCap
    self.embeddingScale = embeddingScale
    self.tiedEmbeddings = tiedEmbeddings
    self.maximumPositions = maximumPositions
    self.layers = layers
    self.beginningOfSequenceToken = beginningOfSequenceToken
    self.endOfSequenceTokens = endOfSequenceTokens
    try validate()
  }

  /// The different rotations of the layers, in the order of their first layers.
  public var ropes: [RoPEParameters] {
    layers.reduce(into: []) { ropes, layer in
      if let rope = layer.rope, !ropes.contains(rope) { ropes.append(rope) }
    }
  }

  /// The width of all query heads together: the outputs of the query projection.
  public var queryWidth: Int { queryHeads * headDimension }

  /// The width of all key (or value) heads together: the outputs of the key projection.
  public var keyValueWidth: Int { keyValueHeads * headDimension }

  /// How many query heads share one key and value head.
  public var headsPerGroup: Int { queryHeads / keyValueHeads }
}
