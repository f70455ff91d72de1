/// A sentence hidden in a haystack, and what it says.
package struct Needle: Codable, Equatable, Sendable {
  /// Its number in the order of the text, from 1.
  package let index: Int
  package let name: String
  /// Seven digits.
  package let passkey: String
  /// Where its first byte stands in the text.
  package let offset: Int
  /// `offset` over the largest offset it could have, right before the question: 0 is the beginning
  /// of the text, 1 its end.
  package let depth: Double
  /// Whether the text ends by asking for it.
  package let asked: Bool

  /// What stands before the passkey, in the needle and in the question alike.
  package static func opening(name: String) -> String { "The secret passkey of \(name) is " }

  /// The question for it as a line of a prompts file, its number the id.
  package var promptLine: String {
    // A name has letters only.
    """
    {"id": \(index), "prompt": "\(Self.opening(name: name))", "max_tokens": \(passkey.utf8.count)}

    """
  }

  /// The sentence with its newline.
  package static func sentence(name: String, passkey: String) -> String {
    opening(name: name) + passkey + ".\n"
  }
}
