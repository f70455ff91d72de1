/// The shape of a decoder-only transformer: pre-norm blocks of grouped-query attention and SwiGLU
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
  /// Elements of one head's query, key or value; even, and a multiple of 16.
  public let headDimension: Int
  public let rmsNormEpsilon: Double
  /// Whether the four projections of attention have biases.
  public let attentionBias: Bool
  /// Whether the three projections of the MLP have biases.
  public let mlpBias: Bool
  /// Whether the head of the vocabulary is the embedding.
  public let tiedEmbeddings: Bool
  /// The longest sequence the model was made for, in tokens.
  public let maximumPositions: Int
  public let rope: RoPEParameters
  public let layers: [LayerConfiguration]
  public let beginningOfSequenceToken: Int?
  /// Tokens after which generation stops; may be empty.
  public let endOfSequenceTokens: [Int]

  /// - Throws: `ModelError` if a size is out of range or contradicts another.
  public init(
    modelType: String, hiddenSize: Int, intermediateSize: Int, vocabularySize: Int,
    queryHeads: Int, keyValueHeads: Int, headDimension: Int, rmsNormEpsilon: Double,
    attentionBias: Bool, mlpBias: Bool, tiedEmbeddings: Bool, maximumPositions: Int,
    rope: RoPEParameters, layers: [LayerConfiguration], beginningOfSequenceToken: Int?,
    endOfSequenceTokens: [Int]
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
    self.tiedEmbeddings = tiedEmbeddings
    self.maximumPositions = maximumPositions
    self.rope = rope
    self.layers = layers
    self.beginningOfSequenceToken = beginningOfSequenceToken
    self.endOfSequenceTokens = endOfSequenceTokens
    try validate()
  }

  /// The width of all query heads together: the outputs of the query projection.
  public var queryWidth: Int { queryHeads * headDimension }

  /// The width of all key (or value) heads together: the outputs of the key projection.
  public var keyValueWidth: Int { keyValueHeads * headDimension }

  /// How many query heads share one key and value head.
  public var headsPerGroup: Int { queryHeads / keyValueHeads }
}
