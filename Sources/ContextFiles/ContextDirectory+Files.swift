import Digests
import Files
import Foundation

// The smaller files. Writing throws `FileError` of the kind `writeFailed`; reading throws
// `notFound`, `unreadable`, or `malformed` where a file is too short or its bytes are not those that
// were saved.
extension ContextDirectory {
  /// Writes the token ids, of which every checkpoint has the same; the bytes are on the disk when
  /// this returns.
  public func writeTokens(_ tokens: [Int32]) throws(FileError) -> Checksum {
    let bytes = tokens.map(\.littleEndian)
    let path = tokensPath
    let written = bytes.withUnsafeBytes { bytes in
      Result { () throws(FileError) in
        try FileWriting.write([bytes], to: path, at: 0, cuts: true)
      }
    }
    try written.get()
    try FileWriting.synchronize(path)
    return bytes.withUnsafeBytes { Checksum(of: $0) }
  }

  public func readTokens(_ manifest: ContextManifest) throws(FileError) -> [Int32] {
    let count = manifest.description.tokens
    let file = try mapped(tokensPath, bytes: count * MemoryLayout<Int32>.stride)
    var tokens = [Int32](repeating: 0, count: count)
    tokens.withUnsafeMutableBytes {
      $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: file.bytes[..<$0.count]))
    }
    guard tokens.withUnsafeBytes({ Checksum(of: $0) }) == manifest.tokens else {
      throw Self.changed(tokensPath)
    }
    return tokens.map { Int32(littleEndian: $0) }
  }

  /// Makes the folder for the activations behind so many layers. On one rank, before the others
  /// write into it.
  public func makeActivationsFolder(layers: Int) throws(FileError) {
    let folder = activationsPath(layers: layers)
    try Self.makeFolder(folder, orFind: true)
  }

  /// Writes one block's activations, `[own tokens][hiddenSize]` float32; they are on the disk after
  /// `synchronizeActivations`.
  public func writeActivations(
    _ bytes: UnsafeRawBufferPointer, layers: Int, block: Int
  ) throws(FileError) -> Checksum {
    try FileWriting.write(
      [bytes], to: activationsPath(layers: layers, block: block), at: 0, cuts: true)
    return Checksum(of: bytes)
  }

  public func synchronizeActivations(layers: Int, block: Int) throws(FileError) {
    try FileWriting.synchronize(activationsPath(layers: layers, block: block))
  }

  /// Reads one block's activations, of an unfinished context.
  public func readActivations(
    of manifest: ContextManifest, block: Int, into destination: UnsafeMutableRawBufferPointer
  ) throws(FileError) {
    try read(
      activationsPath(layers: manifest.finishedLayers, block: block), into: destination,
      expecting: manifest.activations[block - manifest.description.baseBlocks])
  }

  /// Writes the last position's activations, `[hiddenSize]` float32; they are on the disk when this
  /// returns.
  public func writeLastPosition(
    _ bytes: UnsafeRawBufferPointer
  ) throws(FileError) -> Checksum {
    try FileWriting.write([bytes], to: lastPositionPath, at: 0, cuts: true)
    try FileWriting.synchronize(lastPositionPath)
    return Checksum(of: bytes)
  }

  /// Reads the last position's activations, of a finished context.
  public func readLastPosition(
    of manifest: ContextManifest, into destination: UnsafeMutableRawBufferPointer
  ) throws(FileError) {
    try read(lastPositionPath, into: destination, expecting: manifest.activations[0])
  }

  /// Brings the folders' entries to the disk; called by every rank that wrote files.
  public func synchronizeFolders(activationsBehind layers: Int?) throws(FileError) {
    try FileWriting.synchronize(folder: blocksPath)
    if let layers { try FileWriting.synchronize(folder: activationsPath(layers: layers)) }
  }

  /// Puts the manifest into its place: from now on a reader finds what it lists. On one rank, after
  /// all others have brought their files to the disk.
  ///
  /// - Parameter former: what it is to replace; nil for none. Throws if there is another one.
  public func commit(
    _ manifest: ContextManifest, replacing former: ContextManifest?
  ) throws(FileError) {
    try checkUnchanged(since: former)
    let json: Data
    do {
      json = try manifest.json()
    } catch {
      throw FileError(.writeFailed, "\(error)")
    }
    let file = try ReplacementFile(path: manifestPath)
    try file.append(json)
    try FileWriting.synchronize(folder: path)
    try file.commit()
    try FileWriting.synchronize(folder: path)
    try removeLeftovers(of: manifest)
  }

  /// Checks that no other job has saved here since this one looked.
  ///
  /// - Throws: `FileError` of the kind `writeFailed`.
  public func checkUnchanged(since former: ContextManifest?) throws(FileError) {
    guard (isSaved ? try manifest() : nil) != former else { return }
    throw FileError(
      .writeFailed,
      "\(path): another job has saved here meanwhile, which stays; look at it with 'ringflash inspect'"
    )
  }

  private func read(
    _ path: String, into destination: UnsafeMutableRawBufferPointer, expecting checksum: Checksum
  ) throws(FileError) {
    let file = try mapped(path, bytes: destination.count)
    destination.copyMemory(
      from: UnsafeRawBufferPointer(rebasing: file.bytes[..<destination.count]))
    guard Checksum(of: UnsafeRawBufferPointer(destination)) == checksum else {
      throw Self.changed(path)
    }
  }

  static func changed(_ path: String) -> FileError {
    .damaged(path, "its bytes do not have their checksum, so some are damaged")
  }
}
