import Foundation

/// What is wrong with a file of a model, in one sentence that names the file and what to do.
public struct ModelFileError: Error, Equatable, Sendable, CustomStringConvertible, LocalizedError {
  public enum Kind: Sendable {
    /// Not there, or not the right kind of file.
    case notFound
    /// Does not keep to its format.
    case malformed
    /// Keeps to its format, but uses a part of it that ringflash does not read.
    case unsupported
    /// The system refused to read it.
    case unreadable
    /// It could not be written.
    case writeFailed
  }

  public let kind: Kind
  public let description: String

  public init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }

  public var errorDescription: String? { description }
}

/// The system's words for the error code that the last failed call left behind.
func systemErrorText(_ code: Int32 = errno) -> String {
  String(cString: strerror(code))
}
