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
    guard Self.lock(descriptor, LOCK_SH) || Errno.last != .wouldBlock,
      FileIdentity(descriptor) == FileIdentity(path), (try? directory.manifest()) == manifest
    else { return nil }
    // Another user's shows the time of its writing.
    futimens(descriptor.rawValue, nil)
  }

  deinit { try? descriptor.close() }

  /// Calls `body` where nobody reads the context in the directory, and nobody can begin to.
  ///
  /// - Returns: whether `body` was called.
  static func ifNobodyReads<E>(
    _ directory: ContextDirectory, _ body: () throws(E) -> Void
  ) throws(E) -> Bool {
    let path = FilePath(text: directory.manifestPath)
    guard let descriptor = try? FileDescriptor.open(path, .readOnly, options: .closeOnExec) else {
      return false
    }
    defer { try? descriptor.close() }
    guard lock(descriptor, LOCK_EX) || Errno.last != .wouldBlock,
      FileIdentity(descriptor) == FileIdentity(path)
    else { return false }
    try body()
    return true
  }

  private static func lock(_ descriptor: FileDescriptor, _ kind: Int32) -> Bool {
    flock(descriptor.rawValue, kind | LOCK_NB) == 0
  }
}
