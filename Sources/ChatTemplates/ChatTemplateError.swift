/// Why a chat template gives no text, and where in it.
public struct ChatTemplateError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Kind: String, Sendable {
    /// The template's syntax is wrong.
    case malformed
    /// The template uses a part of Jinja that is not implemented here.
    case unsupported
    /// The template itself refuses the conversation, by `raise_exception`.
    case raised
    /// An operation of the template failed, as an exception does in Python.
    case failed
    /// The template takes too many steps, too much memory, or nests too deep.
    case limit
  }

  public let kind: Kind
  /// What the template is called, such as its path.
  public let name: String
  /// Counted from 1.
  public let line: Int
  /// What is wrong; it has no final period.
  public let sentence: String

  public var description: String { "\(name): chat template line \(line): \(sentence)" }
}

/// An error without its place, which whoever knows the line adds.
struct Problem: Error {
  let kind: ChatTemplateError.Kind
  let sentence: String

  init(_ kind: ChatTemplateError.Kind, _ sentence: String) {
    self.kind = kind
    self.sentence = sentence
  }
}
