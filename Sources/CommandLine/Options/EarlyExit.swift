import Ranks

/// The command line asks for nothing to be run.
package enum EarlyExit: Error, Equatable, Sendable {
  /// Help or the version, for standard output, its last newline included; the exit code is 0.
  case text(String)
  /// Wrong usage.
  case failure(Failure)
}
