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

/// What a file of a file system that hosts share looks like on each of them: equal values are one file, or
/// copies that nobody has changed since they were made.
public struct FileAmongHosts: Equatable, BitwiseCopyable, Sendable {
  private let inode: UInt64
  private let bytes: Int
  private let modifiedSeconds: Int
  private let modifiedNanoseconds: Int

  /// - Returns: nil where the system does not say.
  public init?(path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    (inode, bytes) = (UInt64(status.st_ino), Int(status.st_size))
    (modifiedSeconds, modifiedNanoseconds) = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
  }
}
