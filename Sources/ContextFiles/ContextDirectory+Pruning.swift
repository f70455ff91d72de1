import Files
import Foundation
import SystemPackage

extension ContextDirectory {
  /// What `prune` has done with a folder.
  public struct Pruned: Equatable, Sendable {
    /// Whether the whole folder was the rest of a save that was given up, and is gone.
    public let isWhole: Bool
    /// The entries that are gone.
    public let names: [String]
    /// That came free: of files that no other folder has.
    public let bytes: Int
  }

  /// Removes what nobody needs: of a saved context what its manifest does not, and a whole save that was
  /// given up before it had a manifest. A saved context itself stays, and so does all that is none of
  /// ours. The lease is held meanwhile, so no job writes or begins here.
  ///
  /// - Returns: nil where there is nothing to remove, or where a job holds the lease.
  /// - Throws: `FileError` of the kinds `writeFailed` and `unreadable`.
  public func prune(as holder: ContextLease.Holder) throws(FileError) -> Pruned? {
    guard isOwnAndFree, try !unneeded().isEmpty || lease != nil,
      let pruned = try withLease(as: holder, { () throws(FileError) in try removeUnneeded() }),
      pruned.isWhole || !pruned.names.isEmpty
    else { return nil }
    return pruned
  }

  /// Removes a saved context, or what there is of one, if nobody reads it: its manifest first, so that nobody
  /// finds it any more. The lease is held meanwhile.
  ///
  /// - Returns: the bytes that came free; nil where it is in use, or has something that is none of ours.
  /// - Throws: `FileError` of the kinds `writeFailed` and `unreadable`.
  func removeWhole(as holder: ContextLease.Holder) throws(FileError) -> Int? {
    guard isOwnAndFree,
      try entries(of: path).allSatisfy({ $0 == Name.manifest || isOurs($0) })
    else { return nil }
    let pruned = try withLease(as: holder) { () throws(FileError) -> Pruned? in
      let size = Self.status(manifestPath).map { Int($0.size) } ?? 0
      let isUnread = try ContextReading.ifNobodyReads(self) { () throws(FileError) in
        try Errno.explained {
          try FilePath(text: manifestPath).removeFile()
        } by: {
          FileError.writing(manifestPath, $0)
        }
      }
      guard isUnread else { return nil }
      let rest = try removeUnneeded()
      return Pruned(isWhole: rest.isWhole, names: rest.names, bytes: rest.bytes + size)
    }
    return pruned??.bytes
  }

  /// Whether it is this user's, and no job holds the lease.
  private var isOwnAndFree: Bool {
    Self.status(path)?.userID.rawValue == geteuid() && lease?.isHeld != true
  }

  /// Calls `body` with the lease; nil where a job holds it. A folder that is empty then is removed.
  private func withLease<Result>(
    as holder: ContextLease.Holder, _ body: () throws(FileError) -> Result
  ) throws(FileError) -> Result? {
    let lease: ContextLease
    do {
      lease = try ContextLease(of: self, for: holder)
    } catch {
      // Another job was faster.
      if self.lease?.isHeld == true { return nil }
      throw error
    }
    let result = Swift.Result { () throws(FileError) in try body() }
    lease.release()
    // Where a job has begun here just now, its lease keeps the folder, as all else does that is left.
    if !isSaved { try? FilePath(text: path).removeFolder() }
    return try result.get()
  }

  /// With the lease.
  private func removeUnneeded() throws(FileError) -> Pruned {
    // A job may have saved here before the lease was taken.
    let isWhole = isGivenUp
    var usage = Usage()
    var names: [String] = []
    for name in try unneeded() {
      let entry = try self.usage(ofEntry: name)
      try remove(name)
      usage.add(entry)
      names.append(name)
    }
    return Pruned(isWhole: isWhole, names: names, bytes: usage.ownBytes)
  }

  /// The names of entries that are ours and that nobody needs; none where the manifest cannot be read, for
  /// then nobody knows.
  private func unneeded() throws(FileError) -> [String] {
    if isSaved {
      guard let manifest = try? manifest() else { return [] }
      return try leftovers(of: manifest).filter { isOurs($0) }
    }
    return isGivenUp ? try entries(of: path).filter { $0 != Name.lease } : []
  }

  /// Whether nothing but the rest of a save is here, with a file that only a save leaves. A manifest, which
  /// is none of the rest, is looked for by its name as well: it may be that the system cannot say more of it.
  var isGivenUp: Bool {
    guard !isSaved, let names = try? entries(of: path), names.allSatisfy(isOurs) else {
      return false
    }
    return lease != nil || holdsBlocks
  }

  /// Whether there are files of KV blocks.
  var holdsBlocks: Bool {
    guard isOurs(Name.blocks), let files = try? entries(of: blocksPath) else { return false }
    return !files.isEmpty
  }

  private func isOurs(_ name: String) -> Bool { (try? checkIsOurs(name)) != nil }
}
