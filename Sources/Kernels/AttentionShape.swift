import CKernels

/// Tokens in a KV block: the unit of ownership, exchange, accumulation, saving and restoring,
/// aligned to the global sequence.
public let tokensPerBlock = Int(RF_BLOCK_KEYS)

/// The heads of one attention layer, and how their scores are scaled.
public struct AttentionShape: Sendable, Equatable {
  public let queryHeads: Int
  public let keyValueHeads: Int
  /// Elements of one head's query, key or value.
  public let headDimension: Int
  /// What q·k is multiplied by.
  public let scale: Double
  /// c, where a score is c · tanh(q·k · scale / c).
  public let softCap: Double?
  /// Scores are kept in base 2: s = (q·k) · scale · log2(e); a capped score is in base 2 already.
  public let scoreScale: Float
  let scoreSoftCap: ScoreSoftCap?

  /// - Parameter scale: nil for 1/√headDimension.
  public init(
    queryHeads: Int, keyValueHeads: Int, headDimension: Int, scale: Double? = nil,
    softCap: Double? = nil
  ) {
    precondition(queryHeads % keyValueHeads == 0, "query heads divide into groups of one KV head")
    precondition(headDimension > 0, "a head has elements")
    precondition(softCap.map { $0 > 0 } ?? true, "a soft cap is above 0")
    self.queryHeads = queryHeads
    self.keyValueHeads = keyValueHeads
    self.headDimension = headDimension
    let scale = scale ?? 1 / Double(headDimension).squareRoot()
    self.scale = scale
    self.softCap = softCap
    let log2e = 1.4426950408889634
    scoreScale = softCap == nil ? Float(scale * log2e) : 1
    scoreSoftCap = softCap.map {
      ScoreSoftCap(inner: Float(scale / $0), outer: Float($0 * log2e))
    }
  }

  /// Elements from one query, key or value to the next in blocks and tiles, and of a state's o: a
  /// multiple of 16, as the microkernels want; what is behind the head's own elements is 0.
  public var paddedHeadDimension: Int { Self.padded(headDimension) }

  static func padded(_ headDimension: Int) -> Int { (headDimension + 15) / 16 * 16 }

  /// Query heads that share one KV head.
  public var groupSize: Int { queryHeads / keyValueHeads }

  /// Tokens whose query heads make up one tile: a power of two that divides a block, such that a
  /// tile has at most `mostRows` rows, or one token.
  func tokensPerTile(mostRows: Int) -> Int {
    var tokens = tokensPerBlock
    while tokens > 1, tokens * groupSize > mostRows { tokens /= 2 }
    return tokens
  }
}

/// `outer · tanh(q·k · inner)` is a score in base 2.
struct ScoreSoftCap: Sendable, Equatable {
  let inner: Float
  let outer: Float
}
