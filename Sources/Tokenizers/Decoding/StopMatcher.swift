/// Lets a text through until one of some stop texts is complete.
///
/// Text that may turn out to be the beginning of a stop text is held back. The stop text that is
/// complete first ends the text (of several that end at the same place the longest); neither it nor
/// what follows is let through. How the text is cut into pieces makes no difference.
public struct StopMatcher: Sendable {
  /// One stop text and how much of it the text so far ends with (Knuth, Morris, Pratt).
  private struct Pattern {
    let bytes: [UInt8]
    /// For each prefix `bytes[0...i]` the length of its longest proper suffix that is a prefix of
    /// `bytes`.
    let fallback: [Int]
    /// The length of the longest suffix of the text so far that is a prefix of `bytes`.
    var matched = 0

    init(_ text: String) {
      bytes = Array(text.utf8)
      var fallback = [0]
      for index in bytes.indices.dropFirst() {
        var length = fallback[index - 1]
        while length > 0, bytes[length] != bytes[index] { length = fallback[length - 1] }
        fallback.append(bytes[length] == bytes[index] ? length + 1 : 0)
      }
      self.fallback = fallback
    }

    /// Steps over one more byte of the text; true when it completes the pattern.
    mutating func advance(_ byte: UInt8) -> Bool {
      while matched > 0, bytes[matched] != byte { matched = fallback[matched - 1] }
      if bytes[matched] == byte { matched += 1 }
      return matched == bytes.count
    }
  }

  private let stopTexts: [String]
  private var patterns: [Pattern]
  /// The text that is held back.
  private var held: [UInt8] = []

  /// The stop text that was found, or nil as long as there is none.
  public private(set) var match: String?

  /// Throws `TokenizerError.invalidOption` for an empty stop text. Without any stop texts all text
  /// is let through.
  public init(_ stopTexts: [String]) throws {
    guard !stopTexts.contains("") else {
      throw TokenizerError(
        .invalidOption,
        "a stop text is empty and would stop at once; give it at least one character")
    }
    self.stopTexts = stopTexts
    patterns = stopTexts.map(Pattern.init)
  }

  /// The text that can be let through once `text` has come; empty after a match.
  public mutating func append(_ text: String) -> String {
    guard match == nil else { return "" }
    for byte in text.utf8 {
      held.append(byte)
      var longest: Int?
      for index in patterns.indices where patterns[index].advance(byte) {
        if patterns[index].bytes.count > longest.map({ patterns[$0].bytes.count }) ?? 0 {
          longest = index
        }
      }
      if let longest {
        match = stopTexts[longest]
        held.removeLast(patterns[longest].bytes.count)
        return finish()
      }
    }
    return letThrough(held.count - (patterns.map(\.matched).max() ?? 0))
  }

  /// The text that is held back, to be called where the text ends without a match; empty after one.
  public mutating func finish() -> String {
    for index in patterns.indices { patterns[index].matched = 0 }
    return letThrough(held.count)
  }

  private mutating func letThrough(_ count: Int) -> String {
    defer { held.removeFirst(count) }
    return String(decoding: held[..<count], as: UTF8.self)
  }
}
