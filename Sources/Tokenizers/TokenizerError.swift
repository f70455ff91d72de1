import Foundation

/// What is wrong with a tokenizer file or with what a tokenizer was given, in one sentence that
/// says what to do.
public struct TokenizerError: Error, Equatable, Sendable, CustomStringConvertible, LocalizedError {
  public enum Kind: Sendable {
    /// The file does not keep to its format, or a text is not UTF-8.
    case malformed
    /// The file, or a text, asks for something that ringflash does not do.
    case unsupported
    /// An option's value makes no sense.
    case invalidOption
  }

  public let kind: Kind
  public let description: String

  public init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }

  public var errorDescription: String? { description }
}
