/// Which keys a query may see, by their positions in the sequence.
///
/// A pattern says which blocks of queries see a block of keys at all, and which keys, and how many, one
/// query sees. All else follows from that, and follows here: what a tile skips, how many
/// floating-point operations attention takes, which blocks travel how far round the ring.
///
/// A further pattern is a case of its own with its answers in the three functions of its first part. It
/// keeps what the microkernels rely on: nobody sees a key behind its own position, the keys of a block
/// that a query sees are neighbours, and of two queries of one block the later one sees no earlier
/// first and no earlier last key.
public enum AttentionPattern: Sendable, Hashable {
  /// A query at position i sees every key j ≤ i.
  case causal
  /// A query at position i sees the keys j with i − tokens < j ≤ i; at least one token.
  case slidingWindow(tokens: Int)

  /// With a window where one is given.
  public init(slidingWindow: Int? = nil) {
    self = slidingWindow.map { .slidingWindow(tokens: $0) } ?? .causal
  }

  /// The window's tokens; nil where a query sees all that is before it.
  public var slidingWindow: Int? {
    if case .slidingWindow(let tokens) = self { tokens } else { nil }
  }

  // MARK: - What a pattern is

  /// The blocks of queries of which some query sees some key of the block `key`.
  public func queryBlocks(seeing key: Int) -> Range<Int> {
    switch self {
    case .causal: return key..<Int.max
    case .slidingWindow(let tokens):
      // The closest pair: a block's first query and this block's last key.
      let last = key * tokensPerBlock + tokensPerBlock - 1
      return key..<(last + min(tokens, 1 << 48) + tokensPerBlock - 1) / tokensPerBlock
    }
  }

  /// The keys of the block that a query at `position` sees, relative to the block's first; may be
  /// empty.
  public func visibleKeys(position: Int, block: Int) -> Range<Int> {
    let start = block * tokensPerBlock
    let end = min(tokensPerBlock, max(0, position + 1 - start))
    switch self {
    case .causal: return 0..<end
    case .slidingWindow(let tokens):
      let begin = max(0, position + 1 - tokens - start)
      return min(begin, end)..<end
    }
  }

  /// How many keys of the whole sequence a query at `position` sees.
  public func visibleKeyCount(position: Int) -> Int {
    switch self {
    case .causal: position + 1
    case .slidingWindow(let tokens): min(position + 1, tokens)
    }
  }
}

// MARK: - What follows from it

extension AttentionPattern {
  /// Whether any query of block `query` sees any key of block `key`.
  public func block(_ query: Int, sees key: Int) -> Bool {
    queryBlocks(seeing: key).contains(query)
  }

  /// Whether every query at `positions` sees every key of the block.
  public func sees(allOf block: Int, from positions: ClosedRange<Int>) -> Bool {
    visibleKeys(position: positions.lowerBound, block: block).upperBound == tokensPerBlock
      && visibleKeys(position: positions.upperBound, block: block) == 0..<tokensPerBlock
  }

  /// How many pairs of a query at one of `positions` and a key that it sees there are.
  public func visiblePairs(positions: some Sequence<Int>) -> Int {
    positions.reduce(0) { $0 + visibleKeyCount(position: $1) }
  }
}
