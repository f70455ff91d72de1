/// Finds added tokens in a text: the leftmost first, and of those that start at one place the
/// longest.
struct AddedTokenMatcher: Sendable {
  struct Match {
    let range: Range<Int>
    let id: Int32
  }

  /// A trie over the tokens' bytes. Node 0 is the root; a child is found by its parent's index ·
  /// 256 + byte.
  private var children: [Int: Int] = [:]
  /// For each node the token that ends there, or -1.
  private var identifiers: [Int32] = [-1]
  /// Whether some token begins with the byte; most places of a text need no more than this.
  private var isFirstByte = [Bool](repeating: false, count: 256)

  /// `tokens`: contents, none empty, and ids.
  init(_ tokens: [(content: String, id: Int32)]) {
    for (content, id) in tokens {
      var node = 0
      for byte in content.utf8 {
        if node == 0 { isFirstByte[Int(byte)] = true }
        let key = node << 8 | Int(byte)
        if let child = children[key] {
          node = child
        } else {
          node = identifiers.count
          children[key] = node
          identifiers.append(-1)
        }
      }
      identifiers[node] = id
    }
  }

  /// The first token within `range` of `text`.
  func firstMatch(in text: UnsafeBufferPointer<UInt8>, range: Range<Int>) -> Match? {
    for start in range where isFirstByte[Int(text[start])] {
      var longest: Match?
      var node = 0
      var end = start
      while end < range.upperBound, let child = children[node << 8 | Int(text[end])] {
        node = child
        end += 1
        if identifiers[node] >= 0 { longest = Match(range: start..<end, id: identifiers[node]) }
      }
      if let longest { return longest }
    }
    return nil
  }
}
