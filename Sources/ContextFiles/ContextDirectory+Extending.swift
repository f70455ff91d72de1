import Files
import SystemPackage

// A context that extends another has all of its files in its own folder, so any of them can be removed
// without harm to the others. Block files that it has in common with its base are one file with a name in
// each folder: a finished context is never written again, and a new one is written to files that it creates.

extension ContextDirectory {
  /// Makes the folder ready for a new saved context that begins with the first tokens of `base`, and puts
  /// the base's KV blocks with these into it: as links to its files, or, where the file system has none, as
  /// copies. On one rank, before anything is computed, with the lease.
  ///
  /// - Returns: the bytes that were copied; 0 where all are shared.
  /// - Throws: `FileError`: as `prepare`; `notFound`, `unreadable` or `malformed` where a file of the base
  ///   is not as its manifest says.
  @discardableResult
  public func prepare(extending base: FinishedContext, tokens: Int) throws(FileError) -> Int {
    try prepare()
    let description = base.manifest.description
    let bytes = description.layout.blockBytes(layers: description.layers)
    var copiedBytes = 0
    let tokensPerBlock = description.layout.tokensPerBlock
    let blocks = (tokens + tokensPerBlock - 1) / tokensPerBlock
    for block in 0..<blocks {
      let isWhole = (block + 1) * tokensPerBlock <= tokens
      let file = try base.directory.mapped(base.directory.path(ofBlock: block), bytes: bytes)
      let place = isWhole ? path(ofBlock: block) : baseTailPath
      if try Self.link(file.path, to: place) { continue }
      if copiedBytes == 0 { try checkRoom(bytes: (blocks - block) * bytes) }
      try FileWriting.create(place)
      try FileWriting.write(
        [UnsafeRawBufferPointer(rebasing: file.bytes[..<bytes])], to: place, at: 0, cuts: false)
      try FileWriting.synchronize(place)
      copiedBytes += bytes
    }
    try FileWriting.synchronize(folder: blocksPath)
    try FileWriting.synchronize(folder: path)
    return copiedBytes
  }

  /// - Returns: false where the file system refuses, for this file or for all.
  private static func link(_ file: String, to place: String) throws(FileError) -> Bool {
    do throws(Errno) {
      try FilePath(text: file).link(to: FilePath(text: place))
      return true
    } catch .fileExists {
      throw .writing(place, .fileExists)
    } catch {
      // Another file system, one without links, a file with as many as it can have, or somebody else's:
      // where it is something else, the copy says so.
      return false
    }
  }
}
