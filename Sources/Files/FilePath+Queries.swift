import Foundation
import SystemPackage

// What is asked of paths that users give. Foundation's functions misbehave on names that are no UTF-8.

extension FileType {
  /// What is at a path, links followed; nil where nothing is, or nobody may look.
  public init?(at path: String) {
    guard let type = try? Stat(path).type else { return nil }
    self = type
  }
}

extension FilePath {
  /// The same path from the root on, without the `.` and `..` that its names resolve.
  public var absolute: FilePath {
    guard isRelative, let start = getcwd(nil, 0) else { return lexicallyNormalized() }
    defer { free(start) }
    return FilePath(platformString: start).pushing(self).lexicallyNormalized()
  }

  /// The names of a folder's entries, but `.` and `..`, in order.
  public func entries() throws(Errno) -> [String] {
    guard let folder = withPlatformString({ opendir($0) }) else { throw .last }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        String(platformString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// Creates a folder, and those above it, where they are missing.
  public func createFolders() throws(Errno) {
    var folder = FilePath(root: root)
    for component in components {
      folder.append(component)
      guard folder.withPlatformString({ mkdir($0, 0o777) }) != 0 else { continue }
      let code = Errno.last
      guard FileType(at: folder.string) == .directory else {
        throw code == .fileExists ? .notDirectory : code
      }
    }
  }
}
