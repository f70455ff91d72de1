import CKernels

/// Tokens in a KV block: the unit of ownership, exchange, accumulation, saving and restoring,
/// aligned to the global sequence.
public let tokensPerBlock = Int(RF_BLOCK_KEYS)

/// The heads of one attention layer, and how their scores are scaled.
public struct AttentionShape: Sendable, Equatable {
  public let queryHeads: Int
  public let keyValueHeads: Int
  /// A multiple of 16.
  public let headDimension: Int
  /// Scores are kept in base 2: s = (q·k) · scale · log2(e), or with a soft cap s = (q·k) · scale
  /// capped.
  public let scoreScale: Float
  /// The scores' soft cap, if they have one.
  let softCap: ScoreSoftCap?

  /// - Parameters:
  ///   - scale: what q·k is multiplied by; nil: 1/√headDimension.
  ///   - softCap: c in c · tanh(q·k · scale / c); nil for none.
  public init(
    queryHeads: Int, keyValueHeads: Int, headDimension: Int, scale: Double? = nil,
    softCap: Double? = nil
  ) {
    precondition(queryHeads % keyValueHeads == 0, "query heads divide into groups of one KV head")
    precondition(headDimension % 16 == 0, "the head dimension is a multiple of 16")
    precondition(softCap.map { $0 > 0 } ?? true, "a soft cap is above 0")
    self.queryHeads = queryHeads
    self.keyValueHeads = keyValueHeads
    self.headDimension = headDimension
    let scale = scale ?? 1 / Double(headDimension).squareRoot()
    let log2e = 1.4426950408889634
    scoreScale = softCap == nil ? Float(scale * log2e) : 1
    self.softCap = softCap.map { ScoreSoftCap(inner: Float(scale / $0), outer: Float($0 * log2e)) }
  }

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

/// Which keys a query may see.
public struct AttentionMask: Sendable, Hashable {
  /// A query at position i sees keys j with i − window < j ≤ i; nil: every key j ≤ i.
  public let slidingWindow: Int?

  public init(slidingWindow: Int? = nil) {
    precondition(slidingWindow.map { $0 > 0 } ?? true, "a sliding window holds one token at least")
    self.slidingWindow = slidingWindow
  }

  /// The keys of the block that a query at `position` sees, relative to the block's first; may be
  /// empty.
  public func visibleKeys(position: Int, block: Int) -> Range<Int> {
    let start = block * tokensPerBlock
    let end = min(tokensPerBlock, max(0, position + 1 - start))
    let begin = slidingWindow.map { max(0, position + 1 - $0 - start) } ?? 0
    return min(begin, end)..<end
  }

  /// Whether any query of block `query` sees any key of block `key`.
  public func block(_ query: Int, sees key: Int) -> Bool {
    guard key <= query else { return false }
    guard let slidingWindow else { return true }
    // The closest pair: the block's first query and the other's last key.
    return query * tokensPerBlock - (key * tokensPerBlock + tokensPerBlock - 1) < slidingWindow
  }
}
