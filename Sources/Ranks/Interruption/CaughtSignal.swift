import CSystemShims
import Glibc

/// SIGTERM, SIGUSR1 or SIGINT, by which batch systems and people ask a job to end early, from the
/// process's first moment on.
public struct CaughtSignal: Hashable, Sendable {
  public let number: Int32

  public init(number: Int32) { self.number = number }

  /// Whether such a signal is kept in `last`, for work that can be saved, or ends the job. A second one
  /// of a kind, a second or more after the first, ends the process at once; one that is still kept when
  /// this is set back ends the job.
  public static func keep(_ keeps: Bool) { rf_keep_signals(keeps) }

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
    case SIGSEGV: "SIGSEGV"
    case SIGBUS: "SIGBUS"
    case SIGFPE: "SIGFPE"
    case SIGABRT: "SIGABRT"
    case SIGQUIT: "SIGQUIT"
    default: "signal \(number)"
    }
  }
}
