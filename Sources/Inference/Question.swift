/// What is asked of a context.
public struct Question: Sendable {
  /// Which of the loop's own contexts stands before the prompt; nil for none.
  public var context: Int?
  /// The ids appended to the context; none to go on where it ends.
  public var prompt: [Int32]
  public var maximumTokens: Int
  public var sampling: SamplingParameters

  public init(
    context: Int? = nil, prompt: [Int32], maximumTokens: Int,
    sampling: SamplingParameters = SamplingParameters()
  ) {
    self.context = context
    self.prompt = prompt
    self.maximumTokens = maximumTokens
    self.sampling = sampling
  }

  /// Most tokens that it appends to its context, its answer included.
  public var longest: Int { prompt.count + maximumTokens }
}

/// Why a question is refused.
public enum QuestionError: Error, Equatable {
  /// With its answer it may have this many tokens; the session was made for fewer behind the context.
  case tooLong(tokens: Int, room: Int)
}

/// What was generated, and why it ended.
public struct Generation: Sendable, Equatable {
  public enum End: Sendable, BitwiseCopyable {
    /// The model gave an end-of-sequence token, which is the last of `tokens`.
    case endOfSequence
    /// The listener had enough: a stop text.
    case stop
    /// The limit of tokens.
    case length
  }

  public let tokens: [Int32]
  public let end: End
}
