/// What becomes of the matches on which a text is split.
enum SplitBehavior: String, Sendable {
  case removed = "Removed"
  case isolated = "Isolated"
  case mergedWithPrevious = "MergedWithPrevious"
  case mergedWithNext = "MergedWithNext"
  /// Neighbours of one kind are one piece.
  case contiguous = "Contiguous"

  /// Calls `body` with each piece of `text`, in order; some may be empty.
  @inline(__always)
  func forEachPiece(
    of text: UnsafeBufferPointer<UInt8>, _ matcher: PatternMatcher, inverted: Bool,
    _ body: (Range<Int>) throws -> Void
  ) throws {
    switch self {
    case .isolated:
      try matcher.forEachPart(of: text) { part, _ in try body(part) }
    case .removed:
      try matcher.forEachPart(of: text) { part, isMatch in
        if isMatch == inverted { try body(part) }
      }
    default:
      try forEachMergedPiece(of: text, matcher, inverted: inverted, body)
    }
  }

  /// The behaviors by which a piece waits for what follows it.
  private func forEachMergedPiece(
    of text: UnsafeBufferPointer<UInt8>, _ matcher: PatternMatcher, inverted: Bool,
    _ body: (Range<Int>) throws -> Void
  ) throws {
    var waiting: (range: Range<Int>, isMatch: Bool)?
    try matcher.forEachPart(of: text) { part, flag in
      let isMatch = flag != inverted
      guard let last = waiting else {
        waiting = (part, isMatch)
        return
      }
      let joins =
        switch self {
        case .mergedWithPrevious: isMatch && !last.isMatch
        case .mergedWithNext: !isMatch && last.isMatch
        default: isMatch == last.isMatch
        }
      if joins {
        waiting = (last.range.lowerBound..<part.upperBound, isMatch)
      } else {
        try body(last.range)
        waiting = (part, isMatch)
      }
    }
    if let waiting { try body(waiting.range) }
  }
}
