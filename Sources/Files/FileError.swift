import Foundation
import SystemPackage

/// What is wrong with a file, in one sentence that names it and says what to do.
public struct FileError: Error, Equatable, Sendable, CustomStringConvertible, LocalizedError {
  public enum Kind: Sendable {
    /// Not there, or not the right kind of file.
    case notFound
    /// Does not keep to its format, or is not what was written.
    case malformed
    /// Keeps to its format, but uses a part or a version of it that ringflash does not read.
    case unsupported
    /// Whole, but not made for what it is to be used with.
    case mismatch
    /// The system refused to read it.
    case unreadable
    /// It cannot be written.
    case writeFailed
  }

  public let kind: Kind
  public let description: String
  /// What the system answered; nil where it did not refuse anything.
  public let code: Errno?

  /// - Parameter description: begins with the file's path.
  public init(_ kind: Kind, _ description: String, code: Errno? = nil) {
    self.kind = kind
    self.description = description
    self.code = code
  }

  /// A call that the system refused.
  ///
  /// - Parameters:
  ///   - action: what could not be done, such as "cannot be opened".
  ///   - remedy: what to do.
  public init(_ kind: Kind, _ path: String, _ action: String, _ code: Errno, _ remedy: String) {
    self.init(kind, "\(path): \(action) (\(code)); \(remedy)", code: code)
  }

  public var errorDescription: String? { description }
}
