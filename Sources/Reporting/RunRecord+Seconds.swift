extension RunRecord {
  /// Where the time went, in seconds.
  public struct Seconds: Codable, Equatable, Sendable {
    /// Reading or constructing the model.
    public var load = 0.0
    /// Reading and tokenizing the context and the prompt.
    public var tokenize = 0.0
    /// Reading a saved context.
    public var restore = 0.0
    /// From the first token of the context to the logits after its last one.
    public var prefill = 0.0
    /// Writing the context and its checkpoints.
    public var save = 0.0
    /// From the end of the prefill to the logits after the last token of the prompt; 0 with many
    /// questions, which are read while others are answered.
    public var prompt = 0.0
    /// Generating, after that.
    public var decode = 0.0
    /// The part of the prefill in which a rank waited for keys and values that computation did
    /// not hide; the largest of the ranks'.
    public var exposedExchange = 0.0
    /// The part of the prefill in which a rank waited for weights that other hosts hold; the largest
    /// of the ranks'.
    public var exposedWeights = 0.0

    enum CodingKeys: String, CodingKey {
      case load, tokenize, prefill, prompt, restore, save, decode
      case exposedExchange = "exposed_exchange"
      case exposedWeights = "exposed_weights"
    }

    public init() {}

    /// The same with 0 in place of what JSON cannot express.
    var withoutUndefined: Seconds {
      var seconds = self
      for part in Self.parts { seconds[keyPath: part] = finite(seconds[keyPath: part]) }
      return seconds
    }

    private static var parts: [WritableKeyPath<Seconds, Double>] {
      [
        \.load, \.tokenize, \.restore, \.prefill, \.save, \.prompt, \.decode, \.exposedExchange,
        \.exposedWeights,
      ]
    }
  }
}
