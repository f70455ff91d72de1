import Foundation
import TestSupport

/// A small file system in memory, mounted on a folder of its own; only root may.
final class FullDisk {
  let path: String
  private let folder: TemporaryDirectory

  static let canBeMade: Bool = (try? FullDisk(kilobytes: 64)) != nil

  init(kilobytes: Int) throws {
    folder = try TemporaryDirectory()
    path = folder.path
    guard mount("tmpfs", path, "tmpfs", 0, "size=\(kilobytes)k") == 0 else {
      throw CocoaError(.fileWriteNoPermission)
    }
  }

  deinit { umount2(path, 2) }  // MNT_DETACH

  /// Has the system refuse all further changes.
  func makeReadOnly() throws {
    let flags: UInt = 32 | 1  // MS_REMOUNT | MS_RDONLY
    guard mount("tmpfs", path, "tmpfs", flags, nil) == 0 else {
      throw CocoaError(.fileWriteNoPermission)
    }
  }

  /// Leaves no room.
  func fill() throws {
    let descriptor = open(path + "/filler", O_WRONLY | O_CREAT, 0o600)
    defer { close(descriptor) }
    let zeros = [UInt8](repeating: 0, count: 4096)
    while write(descriptor, zeros, zeros.count) > 0 {}
  }
}
