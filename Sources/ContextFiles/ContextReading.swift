import Files
import Foundation
import SystemPackage

/// Says that a saved context is being read, for as long as it is referenced: a cache does not remove it
/// meanwhile.
public final class ContextReading: Sendable {
  private let descriptor: FileDescriptor

  /// Notes the time as that of its last use.
  ///
  /// - Parameter manifest: the directory's, as it was read.
  /// - Returns: nil where it is being removed, or has changed since.
  public init?(of directory: ContextDirectory, _ manifest: ContextManifest) {
    let path = FilePath(text: directory.manifestPath)
    guard let descriptor = try? FileDescriptor.open(path, .readOnly, options: .closeOnExec) else {
      return nil
    }
    self.descriptor = descriptor
    guard Self.lock(descriptor, LOCK_SH), FileIdentity(descriptor) == FileIdentity(path),
      (try? directory.manifest()) == manifest
    else { return nil }
    // Another user's shows the time of its writing.
    futimens(descriptor.rawValue, nil)
  }

  deinit { try? descriptor.close() }

  /// Calls `body` where nobody reads the context in the directory, and nobody can begin to.
  ///
  /// - Parameter isUnused: whether that may be, by the time of the last use in seconds since 1970.
  /// - Returns: whether `body` was called.
  static func ifNobodyReads<E>(
    _ directory: ContextDirectory, where isUnused: (_ lastUse: Int) -> Bool,
    _ body: () throws(E) -> Void
  ) throws(E) -> Bool {
    let path = FilePath(text: directory.manifestPath)
    // A network file system wants a file that is locked for one process alone to be open for writing.
    guard let descriptor = try? FileDescriptor.open(path, .readWrite, options: .closeOnExec) else {
      return false
    }
    defer { try? descriptor.close() }
    guard lock(descriptor, LOCK_EX), FileIdentity(descriptor) == FileIdentity(path),
      let status = try? Stat(descriptor), isUnused(status.rawValue.st_mtim.tv_sec)
    else { return false }
    try body()
    return true
  }

  /// Whether it is locked, or the file system has no locks.
  private static func lock(_ descriptor: FileDescriptor, _ kind: Int32) -> Bool {
    if flock(descriptor.rawValue, kind | LOCK_NB) == 0 { return true }
    return [ENOLCK, ENOSYS, ENOTSUP, EOPNOTSUPP].contains(Errno.last.rawValue)
  }
}
