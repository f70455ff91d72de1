extension RunRecord {
  /// How tokens were chosen, but for the seed; with many questions, where one does not say otherwise.
  public struct Sampling: Codable, Equatable, Sendable {
    /// 0: the most likely token always.
    public var temperature = 0.0
    /// 0: all tokens.
    public var topK = 0
    /// 1: all tokens.
    public var topP = 1.0
    /// 0: all tokens.
    public var minP = 0.0
    /// 1: none.
    public var repetitionPenalty = 1.0
    /// 0: none.
    public var presencePenalty = 0.0
    /// 0: none.
    public var frequencyPenalty = 0.0

    enum CodingKeys: String, CodingKey {
      case temperature
      case topK = "top_k"
      case topP = "top_p"
      case minP = "min_p"
      case repetitionPenalty = "repetition_penalty"
      case presencePenalty = "presence_penalty"
      case frequencyPenalty = "frequency_penalty"
    }

    public init() {}
  }
}
