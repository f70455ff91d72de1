import Logging

/// What a reader of the answer ought to know: logged by rank 0 at once, and kept for the record.
final class WarningLog {
  private(set) var texts: [String] = []
  private let logger: Logger?

  /// - Parameter logger: nil on other ranks than 0, which may say the same.
  init(_ logger: Logger?) {
    self.logger = logger
  }

  /// Says it once.
  ///
  /// - Parameter text: one sentence without a full stop.
  func add(_ text: String) {
    guard !texts.contains(text) else { return }
    texts.append(text)
    logger?.warning("\(text)")
  }
}
