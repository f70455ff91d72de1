import Foundation
import SystemPackage

/// Which file a path means, whatever it is called: equal values are one file, by another name, through
/// a link or from another folder. A file that is not there yet is known by its folder and name.
public struct FileIdentity: Hashable, Sendable {
  private let device: UInt64
  private let inode: UInt64
  /// In the folder that `device` and `inode` are; nil for what is there itself.
  private let name: FilePath.Component?

  /// Nil for what cannot be overwritten as a file is, such as a device or a pipe, and for what has no
  /// folder to be in.
  public init?(_ path: FilePath) {
    // Where a link leads to nothing yet, its end is what will be written.
    if let status = try? Stat(path) {
      self.init(status)
      return
    }
    let path = path.endOfLinks
    guard let name = path.lastComponent,
      let folder = try? Stat(path.removingLastComponent().orWorkingFolder)
    else { return nil }
    self.init(folder, name: name)
  }

  /// That of an open file.
  public init?(_ descriptor: FileDescriptor) {
    guard let status = try? Stat(descriptor) else { return nil }
    self.init(status)
  }

  private init?(_ status: Stat, name: FilePath.Component? = nil) {
    guard status.type == .regular || status.type == .directory else { return nil }
    device = UInt64(status.rawValue.st_dev)
    inode = UInt64(status.rawValue.st_ino)
    self.name = name
  }

  /// The folder around `path`, the one around that, and so on up to the root.
  public static func folders(around path: FilePath) -> [FileIdentity] {
    var folders: [FileIdentity] = []
    var folder = path.endOfLinks.removingLastComponent().orWorkingFolder.resolved
    while true {
      if let identity = FileIdentity(folder) { folders.append(identity) }
      guard folder.removeLastComponent() else { return folders }
    }
  }
}
