/// How far one phase of a run is: plain numbers, from which the lines of a display follow.
public struct ProgressPhase: Equatable, Sendable {
  /// What is being done, for example "prefill".
  public let name: String
  /// What is counted, for example "layer".
  public let unit: String
  /// How many units the phase has.
  public let total: Int
  /// How many tokens the whole phase computes; 0 where it computes none.
  public let tokens: Int
  /// Units done, with a fraction for the one under way, in 0...total.
  public var completed: Double = 0
  /// Tokens so far, where they are counted; units are then done side by side, and those that are
  /// done are shown, not the one under way.
  public var countedTokens: Int?
  /// Seconds since the phase began.
  public var elapsedSeconds: Double = 0

  public init(name: String, unit: String, total: Int, tokens: Int) {
    self.name = name
    self.unit = unit
    self.total = total
    self.tokens = tokens
  }

  /// The part that is done, in 0...1.
  public var fraction: Double {
    total > 0 ? min(max(finite(completed / Double(total)), 0), 1) : 0
  }

  /// The unit under way, counted from 1 to `total`.
  public var currentUnit: Int {
    min(completedUnits + 1, total)
  }

  /// Units that are done as a whole.
  public var completedUnits: Int { Int(fraction * Double(total) + 1e-9) }

  /// Tokens a second so far, or nil where nothing can be said yet.
  public var tokensPerSecond: Double? {
    let tokens = countedTokens.map(Double.init) ?? fraction * Double(tokens)
    let tokensPerSecond = rate(tokens, elapsedSeconds)
    return tokensPerSecond > 0 ? tokensPerSecond : nil
  }

  /// Seconds until the end at the speed so far, or nil where nothing can be said yet.
  public var remainingSeconds: Double? {
    fraction > 0 && elapsedSeconds > 0 ? elapsedSeconds * (1 - fraction) / fraction : nil
  }
}
