/// What a model asks of machines for one context and the answers behind it: numbers alone, so that
/// anything can be planned that has such numbers.
public struct Workload: Equatable, Sendable {
  /// Tokens of the context.
  public var tokens: Int
  /// Answers that are generated together behind it.
  public var answers: Int
  public var layers: [Layer]
  /// The head of the vocabulary.
  public var head: LinearWeights
  /// Of the embedding, which passes from host to host before the layers where weights are divided.
  public var embeddingBytes = 0.0
  /// How linear layers, and attention, multiply.
  public var linear: Machine.Multiplication
  public var attention: Machine.Multiplication
  /// Whether of the last layer of a prefill only keys and values are computed.
  public var endsWithKeysAndValues: Bool

  public init(
    tokens: Int, answers: Int = 1, layers: [Layer], head: LinearWeights,
    linear: Machine.Multiplication = .bf16, attention: Machine.Multiplication = .bf16
  ) {
    self.tokens = tokens
    self.answers = answers
    self.layers = layers
    self.head = head
    self.linear = linear
    self.attention = attention
    endsWithKeysAndValues = false
  }

  /// Linear layers whose outputs are brought together at once.
  public struct LinearWeights: Equatable, Sendable {
    /// All weights there are, those of experts that a token does not go to included.
    public var bytes: Double
    /// The part of them that a token needs.
    public var activeFraction: Double
    /// FLOPs for one token.
    public var flops: Double
    /// Numbers that come out for one token.
    public var outputs: Int
    /// Nil where a token needs all of them.
    public var experts: Experts?

    public init(
      bytes: Double, activeFraction: Double = 1, flops: Double, outputs: Int,
      experts: Experts? = nil
    ) {
      self.experts = experts
      self.bytes = bytes
      self.activeFraction = activeFraction
      self.flops = flops
      self.outputs = outputs
    }

    /// Of every output.
    public var inputs: Int { Int((flops / 2 / Double(outputs)).rounded()) }

    /// Bytes that so many tokens together need, where each goes to experts of its own choice.
    func bytes(tokens: Int) -> Double {
      var idle = 1.0
      for _ in 0..<tokens { idle *= 1 - activeFraction }
      return bytes * (1 - idle)
    }
  }

  /// Experts whose outputs are summed for a token.
  public struct Experts: Equatable, Sendable {
    /// How many a token chooses.
    public var chosen: Int
    /// Of the last layer of each, and of the expert that all tokens go to, 0 for none.
    public var inputs: Int
    public var commonInputs: Int

    public init(chosen: Int, inputs: Int, commonInputs: Int = 0) {
      self.chosen = chosen
      self.inputs = inputs
      self.commonInputs = commonInputs
    }
  }

  public struct Layer: Equatable, Sendable {
    /// In the order in which they are used; the first gives queries, keys and values.
    public var linear: [LinearWeights]
    /// FLOPs of keys and values of one token, a part of the first group's.
    public var keyValueFlops: Double
    public var queryHeads: Int
    public var headDimension: Int
    /// Tokens that a query sees at most; nil for all before it.
    public var window: Int?
    /// Of keys and values of one token, as they are kept and exchanged.
    public var keyValueBytes: Double

    public init(
      linear: [LinearWeights], keyValueFlops: Double, queryHeads: Int, headDimension: Int,
      window: Int? = nil, keyValueBytes: Double
    ) {
      self.linear = linear
      self.keyValueFlops = keyValueFlops
      self.queryHeads = queryHeads
      self.headDimension = headDimension
      self.window = window
      self.keyValueBytes = keyValueBytes
    }

    /// FLOPs of linear layers for one token.
    public var linearFlops: Double { linear.reduce(0) { $0 + $1.flops } }

    public var weightBytes: Double { linear.reduce(0) { $0 + $1.bytes } }

    /// FLOPs of attention of so many tokens to each other: 4 · headDimension for every pair of a query
    /// and a key that it sees, of every query head.
    func attentionFlops(tokens: Int) -> Double {
      visiblePairs(tokens: tokens) * 4 * Double(queryHeads * headDimension)
    }

    /// Pairs of a query and a key that it sees: N(N + 1)/2, or with a window W < N, N·W − W(W − 1)/2.
    func visiblePairs(tokens: Int) -> Double {
      let (n, w) = (Double(tokens), Double(min(window ?? tokens, tokens)))
      return n * w - w * (w - 1) / 2
    }
  }

  /// The same with another number of tokens.
  func with(tokens: Int) -> Workload {
    var other = self
    other.tokens = tokens
    return other
  }
}
