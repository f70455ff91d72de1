import Files
import Foundation
import SystemPackage

/// Looks for the folders of saved contexts under a folder. Symbolic links are not followed, and folders that
/// belong to somebody else are not entered.
public struct ContextSearch: Sendable {
  /// A folder that is ours.
  public struct Found: Sendable {
    public enum State: Sendable {
      /// A saved context, be it of an unfinished prefill.
      case saved(ContextManifest)
      /// One whose manifest cannot be read, and why.
      case damaged(FileError)
      /// A save that has saved nothing yet, or was given up.
      case begun
    }

    public let directory: ContextDirectory
    public let state: State
    public let usage: ContextDirectory.Usage
    /// When the manifest was written or touched, in seconds since 1970; nil where there is none.
    public let modified: Int?
    /// The job that writes there; nil where none does.
    public let writer: ContextLease.Holder?

    public var manifest: ContextManifest? {
      if case .saved(let manifest) = state { manifest } else { nil }
    }
  }

  public private(set) var found: [Found] = []
  /// Folders that were not entered: somebody else's, and those that this process may not read.
  public private(set) var skippedFolders: [String] = []

  /// - Parameter folder: which is there itself a context or has some anywhere below.
  /// - Throws: `FileError`: `notFound` if there is no such folder, `unreadable` if it cannot be read.
  public init(under folder: String) throws(FileError) {
    let status = try Errno.explained {
      try Stat(FilePath(text: folder))
    } by: { code in
      code == .noSuchFileOrDirectory || code == .notDirectory
        ? FileError(.notFound, "\(folder): there is no such folder; check the path", code: code)
        : FileError(.unreadable, folder, "cannot be read", code, "check its permissions")
    }
    guard status.type == .directory else {
      throw FileError(.notFound, "\(folder): is no folder; name one that has saved contexts")
    }
    do throws(Errno) {
      _ = try FilePath(text: folder).entries()
    } catch {
      throw FileError(.unreadable, folder, "cannot be listed", error, "check its permissions")
    }
    var waiting = [folder]
    while let next = waiting.popLast() { waiting += enter(next).reversed() }
  }

  /// Looks at one folder.
  ///
  /// - Returns: the folders in it in which there may be others, in order.
  private mutating func enter(_ folder: String) -> [String] {
    let directory = ContextDirectory(path: folder)
    guard let names = try? FilePath(text: folder).entries() else {
      skippedFolders.append(folder)
      return []
    }
    let found = Found(directory, entries: names)
    if let found { self.found.append(found) }
    var further: [String] = []
    for name in names where found == nil || !ContextDirectory.isOurFolder(name) {
      let place = folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
      guard let status = ContextDirectory.status(place), status.type == .directory else { continue }
      if status.userID.rawValue == geteuid() {
        further.append(place)
      } else {
        skippedFolders.append(place)
      }
    }
    return further
  }
}

extension ContextSearch.Found {
  /// Nil where the folder is no saved context, nor one that is to be.
  fileprivate init?(_ directory: ContextDirectory, entries: [String]) {
    let manifestPath = directory.manifestPath
    if let status = ContextDirectory.status(manifestPath), status.type == .regular {
      do throws(FileError) {
        state = .saved(try directory.manifest())
      } catch {
        // Many programs have a file of that name.
        guard directory.holdsBlocks else { return nil }
        state = .damaged(error)
      }
      modified = status.rawValue.st_mtim.tv_sec
    } else {
      guard directory.isGivenUp else { return nil }
      state = .begun
      modified = nil
    }
    self.directory = directory
    usage = (try? directory.usage()) ?? .init()
    writer = directory.lease.flatMap { $0.isHeld ? $0.holder : nil }
  }
}
