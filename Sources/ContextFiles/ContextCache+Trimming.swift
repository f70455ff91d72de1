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

    fileprivate mutating func add(_ bytes: Int) {
      entries += 1
      self.bytes += bytes
    }
  }

  /// Removes what jobs have left that were killed, entries that are damaged, of two of the same the one
  /// that was used longer ago, and then those whose last use is longest ago, until the others take no more
  /// than the cache may. What a job reads or writes stays, and so do entries that were used within a minute.
  ///
  /// - Throws: `FileError` of the kinds `writeFailed` and `unreadable`, for the first entry that cannot be
  ///   removed, after all others.
  @discardableResult
  public func trim(as holder: ContextLease.Holder) throws(FileError) -> Trimmed {
    var inventory = try Inventory(of: self, as: holder)
    for entry in inventory.rest { inventory.removeRest(entry) }
    inventory.removePassing(in: self)
    for entry in inventory.unneeded { inventory.remove(entry) }
    while inventory.bytes > mostBytes, let entry = inventory.popOldest() {
      inventory.remove(entry)
    }
    if let failure = inventory.failure { throw failure }
    return inventory.trimmed
  }

  /// Removes entries whose last use is longest ago until the disk has room for so many more bytes, or there
  /// is none left that may go; none where that would not be enough.
  ///
  /// - Throws: as `trim`.
  public func makeRoom(bytes: Int, as holder: ContextLease.Holder) throws(FileError) {
    // Where the system does not say, the write will.
    func missingBytes() -> Int { bytes - (FilePath(text: path).freeBytes ?? bytes) }
    guard missingBytes() > 0 else { return }
    var inventory = try Inventory(of: self, as: holder)
    guard missingBytes() <= inventory.removableBytes else { return }
    while missingBytes() > 0, let entry = inventory.popOldest() { inventory.remove(entry) }
    if let failure = inventory.failure { throw failure }
  }

  /// Removes an entry, however lately it was used.
  ///
  /// - Returns: whether it is gone; not where a job reads or writes there.
  /// - Throws: as `trim`.
  public func remove(
    _ entry: ContextDirectory, as holder: ContextLease.Holder
  ) throws(FileError) -> Bool {
    guard entry.path.hasPrefix(path) else { preconditionFailure("an entry is in its cache") }
    if entry.isSaved { return try entry.removeWhole(as: holder) != nil }
    return try entry.prune(as: holder) != nil
  }
}

/// What is in a cache, and what was taken out of it.
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
  private(set) var trimmed = ContextCache.Trimmed()
  /// The first.
  private(set) var failure: FileError?
  private let holder: ContextLease.Holder
  /// By the clock of the file system, in seconds since 1970.
  private let now: Int

  init(of cache: ContextCache, as holder: ContextLease.Holder) throws(FileError) {
    self.holder = holder
    now = cache.directory.statusOfNewFile()?.rawValue.st_mtim.tv_sec ?? time(nil)
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

  private func isOld(_ lastUse: Int) -> Bool { now - lastUse >= ContextCache.spareSeconds }

  /// What would come free if all entries went that may, as far as one can see.
  var removableBytes: Int {
    var staying: Set<UInt64> = []
    for entry in entries + unneeded where !isOld(entry.lastUse) {
      staying.formUnion(entry.files.map(\.file))
    }
    var sizes: [UInt64: Int] = [:]
    for entry in entries + unneeded {
      for (file, size) in entry.files where !staying.contains(file) { sizes[file] = size }
    }
    return sizes.values.reduce(0, +)
  }

  mutating func popOldest() -> Entry? { entries.popLast() }

  /// Removes an entry if it may go.
  mutating func remove(_ entry: Entry) {
    guard isOld(entry.lastUse) else { return }
    do throws(FileError) {
      // It may have been used since.
      guard let freed = try entry.directory.removeWhole(as: holder, where: isOld) else { return }
      trimmed.add(freed)
    } catch {
      failure = failure ?? error
      return
    }
    for (file, size) in entry.files {
      names[file]! -= 1
      if names[file] == 0 { bytes -= size }
    }
  }

  /// Removes a folder in which nothing was saved, or from which a job was removing an entry.
  mutating func removeRest(_ folder: ContextDirectory) {
    do throws(FileError) {
      if let pruned = try folder.prune(as: holder) {
        trimmed.add(pruned.bytes)
        return
      }
    } catch {
      failure = failure ?? error
      return
    }
    // A job that was killed before it had taken the lease.
    guard folder.lease == nil, let status = ContextDirectory.status(folder.path),
      isOld(status.rawValue.st_mtim.tv_sec)
    else { return }
    if (try? folder.entries(of: folder.path)) == [ContextDirectory.Name.lease] {
      try? FilePath(text: folder.leasePath).removeFile()
    }
    try? FilePath(text: folder.path).removeFolder()
  }

  /// Removes files that killed jobs have left in the cache's folder.
  func removePassing(in cache: ContextCache) {
    for name in (try? FilePath(text: cache.path).entries()) ?? []
    where ContextCache.isPassing(name) {
      let place = "\(cache.path)/\(name)"
      guard let status = ContextDirectory.status(place), isOld(status.rawValue.st_mtim.tv_sec)
      else { continue }
      try? FilePath(text: place).removeFile()
    }
  }
}

extension ContextManifest {
  /// The same for another one of the same context, as far as it is.
  fileprivate var content: String {
    let model = description.model
    return [
      tokens.hexadecimal, model.identity, description.precision, description.instructionSet,
      "\(description.layout)", "\(model.randomWeights)", "\(description.rotationTokens)",
      "\(finishedLayers)",
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
