/// A file that cannot be written.
public struct ReportFileError: Error, Equatable, CustomStringConvertible, Sendable {
  /// The path as it was given.
  public let path: String
  /// Why, and what to do about it.
  public let reason: String

  public var description: String { "cannot write '\(path)': \(reason)" }
}
