import Files
import Foundation
import SystemPackage

// A cache is a folder of saved contexts, each in a folder of its own with a random name, so jobs that save
// at once never meet. An entry is whole as every saved context is: it is there once its manifest is, and it
// is taken away by removing the manifest first. When it was last used is the time of its manifest.
//
//     CACHEDIR.TAG             says that the folder is a cache, and whose
//     0123456789abcdef/        an entry
//
// Who reads an entry holds a shared lock on its manifest, and who removes it wants the lock for itself; where
// a file system does not show locks to other hosts, what was used within a minute stays. An entry that extends
// another one has names of its own for the files that both have.

/// A folder of saved contexts in which jobs look for the beginning of theirs.
public struct ContextCache: Codable, Equatable, Sendable {
  public let path: String
  /// Of the files of all entries, those that several have counted once.
  public let mostBytes: Int

  public init(path: String, mostBytes: Int) {
    self.path = path
    self.mostBytes = mostBytes
  }

  private static let tagName = "CACHEDIR.TAG"
  /// By the Cache Directory Tagging Specification, for programs that leave caches out of backups.
  private static let tag = """
    Signature: 8a477f597d28d172789f06886806bc55
    # This folder is a cache of contexts of ringflash. All in it may be deleted while no job uses it.
    # For information about cache directory tags, see https://bford.info/cachedir/

    """
  private static let nameDigits = 16

  /// Makes the folder a cache if it is none.
  ///
  /// - Throws: `FileError` of the kind `writeFailed` if it holds something else, or cannot be written to.
  public func open() throws(FileError) {
    let folder = FilePath(text: path)
    do {
      try folder.makeFolder()
    } catch .fileExists {
      guard folder.isFolder else {
        throw FileError(.writeFailed, "\(path): is no folder; name another path for the cache")
      }
    } catch {
      throw .writing(path, error)
    }
    guard !hasTag else { return }
    let names: [String]
    do {
      names = try folder.entries()
    } catch {
      throw FileError(.writeFailed, path, "cannot be listed", error, "check its permissions")
    }
    // What jobs leave that begin to use an empty folder.
    let strange = names.first { name in
      !name.hasPrefix(ContextDirectory.Name.probe) && !name.hasPrefix(".\(Self.tagName).")
        && name != Self.tagName
    }
    if let strange {
      throw FileError(
        .writeFailed,
        "\(path): is no cache of contexts, it holds '\(strange)'; name a new or an empty folder")
    }
    let file = try ReplacementFile(path: tagPath)
    try file.append(Self.tag.utf8)
    try file.commit()
  }

  private var tagPath: String { "\(path)/\(Self.tagName)" }

  private var hasTag: Bool {
    guard let file = try? MappedFile(path: tagPath) else { return false }
    return file.bytes.elementsEqual(Self.tag.utf8)
  }

  /// The folder as one in which all ranks can be seen to write; see `ContextDirectory.checkAccess`.
  public var directory: ContextDirectory { ContextDirectory(path: path) }

  /// A folder for a new entry; nothing is there.
  public func newEntry() -> ContextDirectory {
    let digits = String(UInt64.random(in: 0 ... .max), radix: 16)
    return entry(String(repeating: "0", count: Self.nameDigits - digits.count) + digits)
  }

  private func entry(_ name: String) -> ContextDirectory {
    ContextDirectory(path: path.hasSuffix("/") ? path + name : "\(path)/\(name)")
  }

  /// The folders of this user that may be entries. All else in the cache is none of ours.
  ///
  /// - Throws: `FileError` of the kind `unreadable`.
  func entries() throws(FileError) -> [ContextDirectory] {
    try directory.entries(of: path).filter { name in
      name.utf8.count == Self.nameDigits
        && name.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
    .map(entry)
    .filter { entry in
      guard let status = ContextDirectory.status(entry.path) else { return false }
      return status.type == .directory && status.userID.rawValue == geteuid()
    }
  }
}
