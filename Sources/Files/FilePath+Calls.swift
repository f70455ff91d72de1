import Foundation
import SystemPackage

// What swift-system does not have, for paths that users give: Foundation's functions misbehave on names that
// are no UTF-8. Each follows symbolic links where its C function does.
extension FilePath {
  /// What is at this path; nil where nothing is, or nobody may look.
  public var type: FileType? { try? Stat(self).type }

  public var exists: Bool { type != nil }

  public var isFolder: Bool { type == .directory }

  /// The corresponding C function is `mkdir`.
  public func makeFolder() throws(Errno) {
    try check { mkdir($0, 0o777) }
  }

  /// Makes this folder, and those around it, where they are missing.
  public func makeFolders() throws(Errno) {
    var folder = FilePath(root: root)
    for component in components {
      folder.append(component)
      do {
        try folder.makeFolder()
      } catch {
        guard folder.isFolder else { throw error == .fileExists ? .notDirectory : error }
      }
    }
  }

  /// The corresponding C function is `unlink`.
  public func removeFile() throws(Errno) {
    try check { unlink($0) }
  }

  /// The corresponding C function is `rmdir`.
  public func removeFolder() throws(Errno) {
    try check { rmdir($0) }
  }

  /// Puts what is here at `place`, in place of what is there.
  ///
  /// The corresponding C function is `rename`.
  public func move(to place: FilePath) throws(Errno) {
    let code = withPlatformString { from in place.withPlatformString { rename(from, $0) } }
    guard code == 0 else { throw .last }
  }

  /// Gives what is here, or what a symbolic link here leads to, a further name.
  ///
  /// The corresponding C function is `linkat`.
  public func link(to place: FilePath) throws(Errno) {
    let code = withPlatformString { from in
      place.withPlatformString { linkat(AT_FDCWD, from, AT_FDCWD, $0, AT_SYMLINK_FOLLOW) }
    }
    guard code == 0 else { throw .last }
  }

  /// Whether this process may do so with what is here.
  ///
  /// The corresponding C function is `access`.
  public func checkAccess(_ mode: Int32) throws(Errno) {
    try check { access($0, mode) }
  }

  /// The names in this folder, as `String.init(spelling:)` has them, in order.
  ///
  /// The corresponding C function is `readdir`.
  public func entries() throws(Errno) -> [String] {
    guard let stream = withPlatformString({ opendir($0) }) else { throw .last }
    defer { closedir(stream) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = readdir(stream) else { break }
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) {
          String(spelling: UnsafeBufferPointer(start: $0, count: strlen($0)))
        }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    guard errno == 0 else { throw .last }
    return names.sorted()
  }

  /// This path with all links followed; itself where it leads to nothing.
  ///
  /// The corresponding C function is `realpath`.
  public var resolved: FilePath {
    guard let pointer = withPlatformString({ realpath($0, nil) }) else { return self }
    defer { free(pointer) }
    return FilePath(platformString: pointer)
  }

  /// Where writing to this path would write: itself, or what the symbolic links here lead to, be it
  /// that nothing is there yet.
  ///
  /// The corresponding C function is `readlink`.
  public var endOfLinks: FilePath {
    var path = self
    var bytes = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    // As many as the kernel follows.
    for _ in 0..<40 {
      guard path.withPlatformString({ readlink($0, &bytes, bytes.count - 1) }) > 0 else { break }
      path = path.removingLastComponent().pushing(FilePath(platformString: bytes))
      bytes.withUnsafeMutableBytes { _ = memset($0.baseAddress!, 0, $0.count) }
    }
    return path
  }

  /// This path from the root on, without `.` and `..`; links are not followed.
  ///
  /// The corresponding C function is `getcwd`.
  public var absolute: FilePath {
    guard isRelative else { return lexicallyNormalized() }
    guard let pointer = getcwd(nil, 0) else { return self }
    defer { free(pointer) }
    return FilePath(platformString: pointer).pushing(self).lexicallyNormalized()
  }

  /// This path, or `.` in place of nothing.
  public var orWorkingFolder: FilePath { isEmpty ? "." : self }

  /// What the file system has of room for this process, in bytes; nil where it does not say.
  ///
  /// The corresponding C function is `statvfs`.
  public var freeBytes: Int? {
    var status = statvfs()
    guard withPlatformString({ statvfs($0, &status) }) == 0 else { return nil }
    let (bytes, overflows) = Int(status.f_bavail).multipliedReportingOverflow(
      by: Int(status.f_frsize))
    return overflows ? nil : bytes
  }

  private func check(_ call: (UnsafePointer<CChar>) -> Int32) throws(Errno) {
    guard withPlatformString(call) == 0 else { throw .last }
  }
}
