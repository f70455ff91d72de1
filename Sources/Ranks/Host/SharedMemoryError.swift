import Glibc
import MPI

/// Why the ranks of a host cannot share memory, in one sentence; the same on all of them.
public struct SharedMemoryError: Error, Equatable, Sendable, CustomStringConvertible {
  public let description: String

  /// - Parameters:
  ///   - action: what failed: "taking memory".
  ///   - code: the system's error code, or 0 where there is none.
  init(byteCount: Int, action: String, code: Int32) {
    let reason = code == 0 ? "" : " (\(String(cString: strerror(code))))"
    description =
      "\(byteCount) bytes cannot be shared by the ranks of host "
      + "\(MPIEnvironment.processorName): \(action) failed\(reason)"
  }
}
