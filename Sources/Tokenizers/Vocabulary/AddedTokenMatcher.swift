/// An added token: found in a text before the model sees it.
struct AddedToken: Sendable {
  let id: Int32
  let content: String
  /// Whether it is found only where no word goes on before or behind it.
  let isSingleWord: Bool
  /// Whether white space before it, or behind it, belongs to it.
  let takesSpaceBefore: Bool
  let takesSpaceBehind: Bool
  /// Whether it is looked for in the normalized text.
  let isNormalized: Bool
  let isSpecial: Bool
}

/// Finds added tokens in a text: the leftmost first, and of those that start at one place the
/// longest.
struct AddedTokenMatcher: Sendable {
  /// A trie over the tokens' bytes. Node 0 is the root; the children of a node are a chain.
  private struct Node {
    var byte: UInt8
    var firstChild: Int32 = -1
    var nextSibling: Int32 = -1
    /// The index of the token that ends here, or -1.
    var token: Int32 = -1
  }

  private var nodes = [Node(byte: 0)]
  private let tokens: [AddedToken]
  /// For each byte the root's child, or -1; most places of a text need no more than this.
  private var roots = [Int32](repeating: -1, count: 256)

  /// `tokens`: each with the bytes, at least one, that it is found by.
  init(_ tokens: [(token: AddedToken, pattern: [UInt8])]) {
    self.tokens = tokens.map(\.token)
    for (index, (_, pattern)) in tokens.enumerated() {
      var node = 0
      for byte in pattern { node = Int(child(of: node, byte) ?? addChild(to: node, byte)) }
      nodes[node].token = Int32(index)
    }
  }

  var isEmpty: Bool { tokens.isEmpty }

  private func child(of node: Int, _ byte: UInt8) -> Int32? {
    var child = node == 0 ? roots[Int(byte)] : nodes[node].firstChild
    while child >= 0, nodes[Int(child)].byte != byte { child = nodes[Int(child)].nextSibling }
    return child < 0 ? nil : child
  }

  private mutating func addChild(to node: Int, _ byte: UInt8) -> Int32 {
    let child = Int32(nodes.count)
    var new = Node(byte: byte)
    if node == 0 {
      roots[Int(byte)] = child
    } else {
      new.nextSibling = nodes[node].firstChild
      nodes[node].firstChild = child
    }
    nodes.append(new)
    return child
  }

  /// Calls `body` with each part of `text`, in order: a token with its id, or what lies between
  /// tokens, which is not empty, with nil.
  func forEachPart(
    of text: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>, Int32?) throws -> Void
  ) throws {
    var partStart = 0
    var position = 0
    while let (match, token) = firstMatch(in: text, from: position) {
      // What a token takes of the space around it may hold another one, which then counts too.
      position = match.upperBound
      if token.isSingleWord, !isWord(match, in: text) { continue }
      var (start, end) = (match.lowerBound, match.upperBound)
      if token.takesSpaceBefore {
        start = max(UTF8Scan.spacesStart(in: text, before: start), partStart)
      }
      if token.takesSpaceBehind { end = UTF8Scan.skippingSpaces(in: text, from: end) }
      if partStart < start { try body(partStart..<start, nil) }
      try body(min(start, end)..<end, token.id)
      partStart = end
    }
    if partStart != text.count { try body(partStart..<text.count, nil) }
  }

  /// The first token that begins at `start` or later.
  private func firstMatch(
    in text: UnsafeBufferPointer<UInt8>, from start: Int
  ) -> (range: Range<Int>, token: AddedToken)? {
    if tokens.isEmpty { return nil }
    return roots.withUnsafeBufferPointer { roots in
      for start in start..<text.count where roots[Int(text[start])] >= 0 {
        var longest: (range: Range<Int>, token: AddedToken)?
        var node = Int(roots[Int(text[start])])
        var end = start + 1
        while true {
          let token = nodes[node].token
          if token >= 0 { longest = (start..<end, tokens[Int(token)]) }
          guard end < text.count, let child = child(of: node, text[end]) else { break }
          node = Int(child)
          end += 1
        }
        if let longest { return longest }
      }
      return nil
    }
  }

  /// Whether no word goes on before and behind `range`.
  private func isWord(_ range: Range<Int>, in text: UnsafeBufferPointer<UInt8>) -> Bool {
    if range.lowerBound > 0 {
      let (before, _) = UTF8Scan.scalar(in: text, before: range.lowerBound)
      if before.isWordCharacter { return false }
    }
    guard range.upperBound < text.count else { return true }
    return !UTF8Scan.scalar(text.baseAddress! + range.upperBound).0.isWordCharacter
  }
}
