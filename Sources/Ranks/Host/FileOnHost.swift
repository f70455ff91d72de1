import Glibc

/// Which file of a host it is; equal values are one file, by whatever paths processes of the host see
/// it.
public struct FileOnHost: Equatable, BitwiseCopyable, Sendable {
  private let device: UInt64
  private let inode: UInt64

  /// - Returns: nil where the system does not say.
  public init?(path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    (device, inode) = (UInt64(status.st_dev), UInt64(status.st_ino))
  }
}
