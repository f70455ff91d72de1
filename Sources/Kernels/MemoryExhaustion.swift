import Glibc
import Synchronization

/// What happens when the system refuses memory or threads: nothing that computes could go on without,
/// so this ends the process rather than throw through every layer.
public enum MemoryExhaustion {
  /// Says why in a sentence that begins in lower case, and ends the process.
  public typealias Handler = @Sendable (_ reason: String) -> Never

  private static let handler = Mutex<Handler?>(nil)

  /// Replaces the trap that would end the process otherwise.
  public static func onExhaustion(_ handler: @escaping Handler) {
    self.handler.withLock { $0 = handler }
  }

  static func end(bytes: Int, code: Int32) -> Never {
    end("\(bytes) bytes of memory could not be had (\(String(cString: strerror(code))))")
  }

  /// Ends the process because the system refuses memory or threads.
  public static func end(_ reason: String) -> Never {
    if let handler = handler.withLock({ $0 }) { handler(reason) }
    fatalError(reason)
  }
}
