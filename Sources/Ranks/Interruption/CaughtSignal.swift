import CSystemShims
import Glibc

/// Signals by which batch systems and people ask a job to end early, kept instead of ending the
/// process.
public struct CaughtSignal: Hashable, Sendable {
  public let number: Int32

  public init(number: Int32) { self.number = number }

  /// Catches SIGTERM, SIGUSR1 and SIGINT from now on. A second one of a kind, a second or more after
  /// the first, ends the process as it would have without this.
  public static func startCatching() { rf_catch_signals() }

  /// Lets these signals end the process again, at once if one was caught.
  public static func stopCatching() { rf_release_signals() }

  /// The last one that was caught; as cheap as reading a number.
  public static var last: CaughtSignal? {
    let number = rf_caught_signal()
    return number == 0 ? nil : CaughtSignal(number: number)
  }

  /// Such as "SIGTERM".
  public var name: String {
    switch number {
    case SIGTERM: "SIGTERM"
    case SIGUSR1: "SIGUSR1"
    case SIGINT: "SIGINT"
    default: "signal \(number)"
    }
  }
}
