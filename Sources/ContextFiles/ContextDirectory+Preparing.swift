import Files
import Foundation
import SystemPackage

extension ContextDirectory {
  /// Creates the folder if it is not there.
  ///
  /// - Throws: `FileError` of the kind `writeFailed` if it holds a saved context or anything
  ///   that is none of ours, or cannot be written to.
  public func makeFolder() throws(FileError) {
    do {
      try FilePath(text: path).makeFolder()
    } catch .fileExists {
      guard isFolder(path, followingLinks: true) else {
        throw FileError(.writeFailed, "\(path): is no folder; name another path")
      }
      guard !isSaved else {
        throw FileError(
          .writeFailed,
          "\(path): holds a saved context; give --resume \(path) to go on with it, or remove it")
      }
      for name in try entries(of: path) { try checkIsOurs(name) }
    } catch {
      throw .writing(path, error)
    }
  }

  /// Makes the folder ready for a new saved context: creates it if it is not there, and removes what
  /// a save that was killed has left there. On one rank, before anything is computed, with the lease.
  ///
  /// - Throws: as `makeFolder`.
  public func prepare() throws(FileError) {
    try makeFolder()
    for name in try entries(of: path) where name != Name.lease { try remove(name) }
    try Self.makeFolder(blocksPath)
  }

  /// Removes what a checkpoint that was killed has left beside a saved context. On one rank, with the lease.
  ///
  /// - Throws: `FileError` of the kind `writeFailed` if the folder cannot be written to.
  public func prepareToGoOn(_ manifest: ContextManifest) throws(FileError) {
    try removeLeftovers(of: manifest)
  }

  /// Checks that this rank sees the same folder as the one that called `mark`, and may write there.
  ///
  /// - Throws: `FileError` of the kind `writeFailed`.
  public func checkAccess(mark: String, rank: Int) throws(FileError) {
    guard FilePath(text: "\(path)/\(Name.probe)\(mark)").exists else {
      throw FileError(
        .writeFailed,
        """
        \(path): is not the folder that rank 0 sees; name one on a file system that all hosts share
        """)
    }
    let own = "\(path)/\(Name.probe)\(mark).\(rank)"
    try leaveEmptyFile(own)
    try? FilePath(text: own).removeFile()
  }

  /// Leaves a file by which `checkAccess` knows the folder again; `unmark` removes it.
  ///
  /// - Returns: what to tell the other ranks.
  /// - Throws: `FileError` of the kind `writeFailed`.
  public func mark() throws(FileError) -> String {
    let mark = String(UInt64.random(in: 0 ... .max), radix: 16)
    try leaveEmptyFile("\(path)/\(Name.probe)\(mark)")
    return mark
  }

  private func leaveEmptyFile(_ place: String) throws(FileError) {
    try Errno.explained {
      try FileDescriptor.open(
        FilePath(text: place), .writeOnly, options: [.create, .closeOnExec], permissions: .newFile
      ).close()
    } by: {
      FileError.writing(path, $0)
    }
  }

  /// That of a file which is written just now, and removed: its time is that of the file system's clock,
  /// which is the same for all hosts; nil where it cannot be written.
  func statusOfNewFile() -> Stat? {
    let place = FilePath(text: "\(path)/\(Name.probe)\(UInt64.random(in: 0 ... .max))")
    guard
      let file = try? FileDescriptor.open(
        place, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
        permissions: .newFile)
    else { return nil }
    defer {
      try? file.close()
      try? place.removeFile()
    }
    return try? Stat(file)
  }

  public func unmark(_ mark: String) {
    try? FilePath(text: "\(path)/\(Name.probe)\(mark)").removeFile()
  }

  /// Checks that the disk has room for so many more bytes.
  ///
  /// - Throws: `FileError` of the kind `writeFailed`.
  public func checkRoom(bytes: Int) throws(FileError) {
    // Where the system does not say, the write will.
    guard let free = FilePath(text: path).freeBytes, free < bytes else { return }
    throw FileError(
      .writeFailed,
      """
      \(path): the disk has \(megabytes(free)) free, the saved context needs \(megabytes(bytes)); \
      make room on it, or name a folder on another one
      """)
  }

  /// Removes what the manifest does not need: activations behind other layers, a base's part of a block
  /// that is finished, and what is of no checkpoint.
  func removeLeftovers(of manifest: ContextManifest) throws(FileError) {
    for name in try leftovers(of: manifest) { try remove(name) }
  }

  /// The names of what `removeLeftovers` removes.
  func leftovers(of manifest: ContextManifest) throws(FileError) -> [String] {
    let kept = manifest.isFinished ? nil : activationsPath(layers: manifest.finishedLayers)
    return try entries(of: path).filter { name in
      if Self.layers(ofActivations: name) != nil { return "\(path)/\(name)" != kept }
      if name == Name.baseTail { return !manifest.hasBaseTail }
      return name.hasPrefix(Name.partialManifest) || name.hasPrefix(Name.probe)
    }
  }

  // MARK: Entries

  private static func layers(ofActivations name: String) -> Int? {
    guard name.hasPrefix(Name.activations) else { return nil }
    return number(name.dropFirst(Name.activations.count))
  }

  private static func number(_ digits: Substring) -> Int? {
    digits.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(digits) : nil
  }

  /// The files that one of our folders may hold, by their ending; nil for a name of a file.
  static func ending(inFolder name: String) -> String? {
    if name == Name.blocks { return Name.block }
    return layers(ofActivations: name) == nil ? nil : Name.activation
  }

  /// Whether the name is that of a file that a save leaves; the manifest's is not among them.
  func isOurFile(_ name: String) -> Bool {
    [Name.tokens, Name.lastPosition, Name.baseTail, Name.lease].contains(name)
      || name.hasPrefix(Name.partialManifest) || name.hasPrefix(Name.probe)
  }

  /// Whether the name is that of a folder that a save leaves.
  static func isOurFolder(_ name: String) -> Bool { ending(inFolder: name) != nil }

  /// Throws if the entry is nothing that a save leaves.
  func checkIsOurs(_ name: String) throws(FileError) {
    func foreign(_ name: String) -> FileError {
      FileError(
        .writeFailed,
        "\(path): holds '\(name)', which is no part of a saved context; name an empty folder")
    }
    let place = "\(path)/\(name)"
    guard let ending = Self.ending(inFolder: name) else {
      guard isOurFile(name), !isFolder(place) else { throw foreign(name) }
      return
    }
    guard isFolder(place) else { throw foreign(name) }
    for file in try entries(of: place)
    where !file.hasSuffix(ending) || Self.number(file.dropLast(ending.count)) == nil {
      throw foreign("\(name)/\(file)")
    }
  }

  /// Removes an entry of the folder that is ours.
  func remove(_ name: String) throws(FileError) {
    let place = "\(path)/\(name)"
    // Of a link, itself, and not what is in the folder that it leads to.
    guard let ending = Self.ending(inFolder: name), isFolder(place) else {
      try Self.remove(place) { file throws(Errno) in try file.removeFile() }
      return
    }
    for file in try entries(of: place) where file.hasSuffix(ending) {
      try Self.remove("\(place)/\(file)") { file throws(Errno) in try file.removeFile() }
    }
    try Self.remove(place) { folder throws(Errno) in try folder.removeFolder() }
  }

  private static func remove(
    _ place: String, by call: (FilePath) throws(Errno) -> Void
  ) throws(FileError) {
    do {
      try call(FilePath(text: place))
    } catch .noSuchFileOrDirectory {
      // Somebody else's doing, and what is wanted.
    } catch {
      throw .writing(place, error)
    }
  }

  /// - Parameter orFind: whether it may be there.
  static func makeFolder(_ place: String, orFind: Bool = false) throws(FileError) {
    do {
      try FilePath(text: place).makeFolder()
    } catch .fileExists where orFind {
      return
    } catch {
      throw .writing(place, error)
    }
  }

  func entries(of folder: String) throws(FileError) -> [String] {
    do throws(Errno) {
      return try FilePath(text: folder).entries()
    } catch {
      throw FileError(
        .unreadable, "\(folder): its files cannot be listed; check its permissions")
    }
  }

  private func isFolder(_ path: String, followingLinks: Bool = false) -> Bool {
    (try? Stat(FilePath(text: path), followTargetSymlink: followingLinks).type) == .directory
  }

  private func megabytes(_ bytes: Int) -> String {
    String(format: "%.1f MB", Double(bytes) / 1e6)
  }
}
