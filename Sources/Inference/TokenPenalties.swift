/// How the tokens that came before change the logits from which the next one is chosen.
public struct TokenPenalties: Sendable, Equatable {
  /// For every token of the context, the prompt and the answer so far: a logit of 0 or more is divided
  /// by it, another is multiplied with it (Keskar et al. 2019, section 4.1; `repetition_penalty` in
  /// Transformers). Above 0; 1 changes nothing.
  public var repetition: Double
  /// Is taken from the logit of every token of the answer so far; 0 changes nothing.
  public var presence: Double
  /// Is taken from the logit of every token of the answer so far as many times as it stands there; 0
  /// changes nothing.
  public var frequency: Double

  public init(repetition: Double = 1, presence: Double = 0, frequency: Double = 0) {
    self.repetition = repetition
    self.presence = presence
    self.frequency = frequency
  }

  /// Whether they change no logit.
  var isNeutral: Bool { !hasRepetition && !hasOccurrences }

  var hasRepetition: Bool { repetition != 1 }

  private var hasOccurrences: Bool { presence != 0 || frequency != 0 }

  /// Changes `logits`, in float32 as the references do: first for the repetition, then for the frequency,
  /// then for the presence.
  ///
  /// - Parameter counts: `[vocabulary.size]`, all 0 before and after.
  package func apply(
    to logits: inout [Float], _ history: TokenHistory, counts: inout [Int32]
  ) {
    if hasRepetition {
      let penalty = Float(repetition)
      history.forEachToken {
        logits[$0] = logits[$0] < 0 ? logits[$0] * penalty : logits[$0] / penalty
      }
    }
    guard hasOccurrences else { return }
    for token in history.answer { counts[Int(token)] += 1 }
    for token in history.answer where counts[Int(token)] > 0 {
      logits[Int(token)] -= Float(frequency) * Float(counts[Int(token)])
      logits[Int(token)] -= Float(presence)
      counts[Int(token)] = 0
    }
  }
}

/// The tokens that came before the next one of an answer, as far as penalties look at them.
public struct TokenHistory: Sendable {
  /// The answer so far.
  public private(set) var answer: [Int32] = []
  /// Which tokens stand in the context, the prompt or the answer, one bit each; empty where no penalty
  /// wants to know.
  private var seen: [UInt64] = []

  /// No token yet, and none looked at but those of the answer.
  public init() {}

  /// - Parameters:
  ///   - vocabulary: how many tokens there are.
  ///   - tokens: before the answer.
  public init(vocabulary: Int, tokens: some Sequence<Int32>) {
    seen = [UInt64](repeating: 0, count: (vocabulary + 63) / 64)
    for token in tokens { see(token) }
  }

  /// So that no token of an answer of this length allocates memory.
  package mutating func reserve(_ maximumTokens: Int) { answer.reserveCapacity(maximumTokens) }

  /// Adds tokens that stand before the answer.
  package mutating func see(_ tokens: some Sequence<Int32>) {
    guard !seen.isEmpty else { return }
    for token in tokens { see(token) }
  }

  private mutating func see(_ token: Int32) { seen[Int(token) / 64] |= 1 << (UInt64(token) % 64) }

  /// Adds the next token of the answer.
  public mutating func append(_ token: Int32) {
    answer.append(token)
    if !seen.isEmpty { see(token) }
  }

  /// Calls `body` with each token once.
  func forEachToken(_ body: (Int) -> Void) {
    for (index, word) in seen.enumerated() {
      var rest = word
      while rest != 0 {
        body(64 * index + rest.trailingZeroBitCount)
        rest &= rest - 1
      }
    }
  }
}
