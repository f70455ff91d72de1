/// What is asked of a context.
public struct Question: Sendable {
  /// The ids appended to the context; none to go on where it ends.
  public var prompt: [Int32]
  public var maximumTokens: Int
  public var sampling: SamplingParameters

  public init(
    prompt: [Int32], maximumTokens: Int, sampling: SamplingParameters = SamplingParameters()
  ) {
    self.prompt = prompt
    self.maximumTokens = maximumTokens
    self.sampling = sampling
  }
}

/// What was generated, and why it ended.
public struct Generation: Sendable, Equatable {
  public enum End: Sendable {
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

/// Why the answering was given up; every rank hears of it.
public enum SessionError: Error {
  /// On rank 0: the listener threw this.
  case listenerFailed(any Error)
  /// On the other ranks: rank 0 gave up.
  case abandoned
}
