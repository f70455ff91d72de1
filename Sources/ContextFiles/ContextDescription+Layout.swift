extension ContextDescription {
  /// The heads of one layer, and how they lie.
  public struct Heads: Equatable, Sendable, Codable {
    public var queryHeads: Int
    public var keyValueHeads: Int
    public var headDimension: Int
    public var paddedHeadDimension: Int
    /// Bytes of one KV block in the layer.
    public var blockBytes: Int

    public init(
      queryHeads: Int, keyValueHeads: Int, headDimension: Int, paddedHeadDimension: Int,
      blockBytes: Int
    ) {
      self.queryHeads = queryHeads
      self.keyValueHeads = keyValueHeads
      self.headDimension = headDimension
      self.paddedHeadDimension = paddedHeadDimension
      self.blockBytes = blockBytes
    }

    enum CodingKeys: String, CodingKey {
      case queryHeads = "query_heads"
      case keyValueHeads = "key_value_heads"
      case headDimension = "head_dimension"
      case paddedHeadDimension = "padded_head_dimension"
      case blockBytes = "block_bytes"
    }
  }

  /// How keys, values and activations lie in the files.
  public struct Layout: Equatable, Sendable {
    /// Of the first layer; of all of them where `layers` is nil.
    public var heads: Heads
    /// One for each layer where they are not alike; else nil.
    public var layers: [Heads]?
    /// Elements of one position's activations, float32 each.
    public var hiddenSize: Int
    public var tokensPerBlock: Int
    /// The name of the order in which a block's elements lie.
    public var arrangement: String

    /// - Parameter layers: the heads of each layer, one at least.
    public init(layers: [Heads], hiddenSize: Int, tokensPerBlock: Int, arrangement: String) {
      heads = layers[0]
      self.layers = layers.allSatisfy { $0 == layers[0] } ? nil : layers
      self.hiddenSize = hiddenSize
      self.tokensPerBlock = tokensPerBlock
      self.arrangement = arrangement
    }

    /// Bytes of one KV block in the first layers together.
    public func blockBytes(layers count: Int) -> Int {
      layers.map { $0.prefix(count).reduce(0) { $0 + $1.blockBytes } } ?? count * heads.blockBytes
    }
  }
}

// The keys of `heads` stand beside the others, as they did when all layers had to be alike.
extension ContextDescription.Layout: Codable {
  enum CodingKeys: String, CodingKey {
    case layers
    case hiddenSize = "hidden_size"
    case tokensPerBlock = "tokens_per_block"
    case arrangement
  }

  public init(from decoder: any Decoder) throws {
    heads = try ContextDescription.Heads(from: decoder)
    let container = try decoder.container(keyedBy: CodingKeys.self)
    layers = try container.decodeIfPresent([ContextDescription.Heads].self, forKey: .layers)
    hiddenSize = try container.decode(Int.self, forKey: .hiddenSize)
    tokensPerBlock = try container.decode(Int.self, forKey: .tokensPerBlock)
    arrangement = try container.decode(String.self, forKey: .arrangement)
  }

  public func encode(to encoder: any Encoder) throws {
    try heads.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encodeIfPresent(layers, forKey: .layers)
    try container.encode(hiddenSize, forKey: .hiddenSize)
    try container.encode(tokensPerBlock, forKey: .tokensPerBlock)
    try container.encode(arrangement, forKey: .arrangement)
  }
}
