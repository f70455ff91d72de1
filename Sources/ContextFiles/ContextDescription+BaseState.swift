import Files

extension ContextDescription.Base {
  /// What has become of a base.
  public enum State: String, Sendable, Codable {
    /// It is where it was, and is what it was.
    case unchanged
    /// Something else is there: another context, or one that cannot be read.
    case changed
    /// No saved context is there.
    case gone
  }

  /// What is at its path now.
  public var state: State {
    if context != nil { return .unchanged }
    return ContextDirectory(path: path).isSaved ? .changed : .gone
  }

  /// The base itself, where it is there and unchanged.
  public var context: FinishedContext? {
    let directory = ContextDirectory(path: path)
    guard let found = try? directory.manifest(), found.checksum == manifest else { return nil }
    return try? FinishedContext(directory, found)
  }
}
