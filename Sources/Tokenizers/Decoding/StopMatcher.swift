/// Lets a text through until one of some stop texts is complete.
///
/// Text that may turn out to be the beginning of a stop text is held back. The stop text that is
/// complete first ends the text (of several that end at the same place the longest); neither it nor
/// what follows is let through. How the text is cut into pieces makes no difference.
public struct StopMatcher: Sendable {
  private let stopTexts: StopTexts
  private var state: Int32 = 0
  /// The text that is held back.
  private var held: [UInt8] = []

  /// The stop text that was found, or nil as long as there is none.
  public private(set) var match: String?

  public init(_ stopTexts: StopTexts) {
    self.stopTexts = stopTexts
  }

  /// The text that can be let through once `text` has come; empty after a match.
  public mutating func append(_ text: String) -> String {
    guard match == nil else { return "" }
    for byte in text.utf8 {
      held.append(byte)
      state = stopTexts.next(state, byte)
      if let found = stopTexts.match(state) {
        match = found
        held.removeLast(found.utf8.count)
        return finish()
      }
    }
    return letThrough(held.count - stopTexts.heldBytes(state))
  }

  /// The text that is held back, to be called where the text ends without a match; empty after one.
  public mutating func finish() -> String {
    state = 0
    return letThrough(held.count)
  }

  private mutating func letThrough(_ count: Int) -> String {
    defer { held.removeFirst(count) }
    return String(decoding: held[..<count], as: UTF8.self)
  }
}
