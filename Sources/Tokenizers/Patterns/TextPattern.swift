import Foundation

/// What a tokenizer's components look for in a text.
package enum TextPattern: Sendable {
  /// These bytes, at least one.
  case literal([UInt8])
  case regularExpression(RegularExpression)
  /// Each character of a class is a match by itself.
  case characters(CharacterClass)
}

/// Finds the matches of a pattern. For one thread.
package struct PatternMatcher {
  private let pattern: TextPattern
  private let expression: RegularExpressionMatcher?

  /// - Parameter laterKinds: the kinds of `LaterCharacters` that texts may have.
  package init(_ pattern: TextPattern, laterKinds: LaterCharacters.Kinds = .all) {
    self.pattern = pattern
    expression =
      if case .regularExpression(let expression) = pattern {
        RegularExpressionMatcher(expression, laterKinds: laterKinds)
      } else {
        nil
      }
  }

  /// Calls `body` for all of `text`, in order: with each part that matches and each part between
  /// them. Parts that do not match are not empty. An empty text is no part at all.
  func forEachPart(
    of text: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>, _ isMatch: Bool) throws -> Void
  ) throws {
    var end = 0
    try forEachMatch(in: text) { match in
      if end < match.lowerBound { try body(end..<match.lowerBound, false) }
      try body(match, true)
      end = match.upperBound
    }
    if end < text.count { try body(end..<text.count, false) }
  }

  @inline(__always)
  package func forEachMatch(
    in text: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>) throws -> Void
  ) throws {
    guard let start = text.baseAddress, !text.isEmpty else { return }
    switch pattern {
    case .literal(let bytes):
      let lead = Int32(bytes[0])
      var position = 0
      while position + bytes.count <= text.count,
        let found = memchr(start + position, lead, text.count - bytes.count + 1 - position)
      {
        let match = UnsafeRawPointer(found) - UnsafeRawPointer(start)
        if memcmp(start + match, bytes, bytes.count) == 0 {
          position = match + bytes.count
          try body(match..<position)
        } else {
          position = match + 1
        }
      }
    case .regularExpression:
      try forEachExpressionMatch(in: text, body)
    case .characters(let characters):
      var position = 0
      while position < text.count {
        let (scalar, length) = UTF8Scan.scalar(start + position)
        if characters.contains(scalar) { try body(position..<(position + length)) }
        position += length
      }
    }
  }

  @inline(__always)
  private func forEachExpressionMatch(
    in text: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>) throws -> Void
  ) throws {
    var position = 0
    var lastEnd = -1
    while position <= text.count,
      let match = try expression!.firstMatch(in: text, from: position)
    {
      // An empty match right behind another match does not count.
      if match.isEmpty, match.lowerBound == lastEnd {
        if lastEnd >= text.count { return }
        position = lastEnd + UTF8Scan.length(ofValidLead: text[lastEnd])
        lastEnd = -1
        continue
      }
      position = match.upperBound
      lastEnd = match.upperBound
      try body(match)
    }
  }
}
