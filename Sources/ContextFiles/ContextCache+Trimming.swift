import Files
import Foundation
import SystemPackage

extension ContextCache {
  /// Entries that were used so lately stay, for file systems that do not show locks to other hosts.
  static let spareSeconds = 60

  /// What was taken out of the cache.
  public struct Trimmed: Equatable, Sendable {
    public var entries = 0
    /// That came free on the disk.
    public var bytes = 0

    public init() {}
  }

  /// Removes what jobs have left that were killed, entries that cannot be read, of two of the same the one
  /// that was used longer ago, and then those whose last use is longest ago, until the others take no more
  /// than the cache may. What a job reads or writes stays, and so do entries that were used within a minute.
  ///
  /// - Throws: `FileError` of the kinds `writeFailed` and `unreadable`.
  @discardableResult
  public func trim(as holder: ContextLease.Holder) throws(FileError) -> Trimmed {
    var inventory = try Inventory(of: self)
    var trimmed = Trimmed()
    for entry in inventory.rest {
      if let pruned = try entry.prune(as: holder) { trimmed.add(pruned.bytes) }
    }
    for entry in inventory.unneeded { try inventory.remove(entry, as: holder, &trimmed) }
    while inventory.bytes > mostBytes, let entry = inventory.popOldest() {
      try inventory.remove(entry, as: holder, &trimmed)
    }
    return trimmed
  }

  /// Removes entries whose last use is longest ago until the disk has room for so many more bytes, or there
  /// is none left that may go; none where that would not be enough.
  ///
  /// - Throws: as `trim`.
  public func makeRoom(bytes: Int, as holder: ContextLease.Holder) throws(FileError) {
    // Where the system does not say, the write will.
    func missingBytes() -> Int { bytes - (FilePath(text: path).freeBytes ?? bytes) }
    guard missingBytes() > 0 else { return }
    var inventory = try Inventory(of: self)
    guard missingBytes() <= inventory.bytes else { return }
    var trimmed = Trimmed()
    while missingBytes() > 0, let entry = inventory.popOldest() {
      try inventory.remove(entry, as: holder, &trimmed)
    }
  }

  /// Removes an entry, whatever was used when.
  ///
  /// - Throws: as `trim`.
  public func remove(
    _ entry: ContextDirectory, as holder: ContextLease.Holder
  ) throws(FileError) {
    guard entry.path.hasPrefix(path) else { preconditionFailure("an entry is in its cache") }
    if entry.isSaved {
      _ = try entry.removeWhole(as: holder)
    } else {
      _ = try entry.prune(as: holder)
    }
  }
}

extension ContextCache.Trimmed {
  fileprivate mutating func add(_ bytes: Int) {
    entries += 1
    self.bytes += bytes
  }
}

/// What is in a cache.
private struct Inventory {
  struct Entry {
    let directory: ContextDirectory
    /// By the file system: where its files are, and their sizes.
    let files: [(file: UInt64, bytes: Int)]
    let lastUse: Int
    /// What it has in common with no entry but one of the same context; nil where it is damaged.
    let content: String?
  }

  /// Folders without a manifest.
  private(set) var rest: [ContextDirectory] = []
  /// That cannot be read, or of which there is another one.
  private(set) var unneeded: [Entry] = []
  /// The one first that was used last.
  private var entries: [Entry] = []
  /// By file: how many entries have it.
  private var names: [UInt64: Int] = [:]
  /// Of all files.
  private(set) var bytes = 0
  private let now: Int

  init(of cache: ContextCache) throws(FileError) {
    now = Int(time(nil))
    var found: [Entry] = []
    for directory in try cache.entries() {
      guard let status = ContextDirectory.status(directory.manifestPath) else {
        rest.append(directory)
        continue
      }
      let content: String?
      do throws(FileError) {
        content = try directory.manifest().content
      } catch {
        content = error.isDamage ? nil : directory.path
      }
      found.append(
        Entry(
          directory: directory, files: directory.ownFiles(),
          lastUse: status.rawValue.st_mtim.tv_sec, content: content))
    }
    var contents: Set<String> = []
    for entry in found.sorted(by: { $0.lastUse > $1.lastUse }) {
      for (file, size) in entry.files {
        let count = names[file, default: 0]
        names[file] = count + 1
        if count == 0 { bytes += size }
      }
      if let content = entry.content, contents.insert(content).inserted {
        entries.append(entry)
      } else {
        unneeded.append(entry)
      }
    }
  }

  mutating func popOldest() -> Entry? { entries.popLast() }

  /// Removes an entry if it may go.
  mutating func remove(
    _ entry: Entry, as holder: ContextLease.Holder, _ trimmed: inout ContextCache.Trimmed
  ) throws(FileError) {
    guard now - entry.lastUse >= ContextCache.spareSeconds,
      let freed = try entry.directory.removeWhole(as: holder)
    else { return }
    trimmed.add(freed)
    for (file, size) in entry.files {
      names[file]! -= 1
      if names[file] == 0 { bytes -= size }
    }
  }
}

extension ContextManifest {
  /// The same for another one of the same context, as far as it is.
  fileprivate var content: String {
    let model = description.model
    return [
      tokens.hexadecimal, model.identity, description.precision, description.instructionSet,
      "\(model.randomWeights) \(description.rotationTokens) \(finishedLayers)",
    ].joined(separator: "\n")
  }
}

extension ContextDirectory {
  /// The files in the folder that are ours, each by the file system's number.
  fileprivate func ownFiles() -> [(file: UInt64, bytes: Int)] {
    var files: [(UInt64, Int)] = []
    func add(_ path: String) {
      guard let status = Self.status(path), status.type == .regular else { return }
      files.append((UInt64(status.rawValue.st_ino), Int(status.size)))
    }
    for name in (try? entries(of: path)) ?? [] {
      let place = "\(path)/\(name)"
      guard Self.isOurFolder(name) else {
        add(place)
        continue
      }
      for file in (try? entries(of: place)) ?? [] { add("\(place)/\(file)") }
    }
    return files
  }
}
