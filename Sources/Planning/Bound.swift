/// What most of the time goes to.
public enum Bound: String, Sendable, CaseIterable {
  case linear = "linear layers"
  case attention
  case keysAndValues = "exchange of keys and values"
  case latency
  case weights = "exchange of weights"
  case imbalance = "too few blocks for so many ranks"
  case readingWeights = "reading weights"
  case readingKeysAndValues = "reading keys and values"
  case content = "bandwidth of the link"

  /// The cause with the most seconds.
  static func of(_ causes: [(bound: Bound, seconds: Double)]) -> Bound {
    causes.max { $0.seconds < $1.seconds }!.bound
  }
}

extension PrefillTime {
  /// What takes the most time.
  public var bound: Bound {
    let useful = 1 - imbalance / max(linear + attention, .leastNonzeroMagnitude)
    return .of([
      (.linear, linear * useful), (.attention, attention * useful),
      (.keysAndValues, exposedKeysAndValues), (.latency, exposedLatency),
      (.weights, exposedWeights), (.imbalance, imbalance),
    ])
  }

  /// What takes the most time of that which more hosts do not make less.
  public var lastingBound: Bound {
    .of([
      (.keysAndValues, exposedKeysAndValues), (.latency, exposedLatency),
      (.weights, exposedWeights), (.imbalance, imbalance),
    ])
  }
}

extension TokenTime {
  /// What takes the most time.
  public var bound: Bound {
    .of([
      (.readingWeights, weights), (.readingKeysAndValues, keysAndValues), (.latency, latency),
      (.content, content),
    ])
  }
}
