import Digests
import Files

extension ContextDirectory {
  /// Compares the bytes of all files that the manifest lists with their checksums.
  ///
  /// - Parameter first: the block from which on block files are compared.
  /// - Throws: `FileError`: `notFound`, `unreadable`, or `malformed`.
  public func verify(
    _ manifest: ContextManifest, fromBlock first: Int = 0
  ) throws(FileError) {
    let description = manifest.description
    _ = try readTokens(manifest)
    for block in first..<description.blocks {
      try verify(
        path(ofBlock: block),
        bytes: description.layout.blockBytes(layers: manifest.layers(ofBlock: block)),
        manifest.blocks[block])
      guard !manifest.isFinished, block >= description.baseBlocks else { continue }
      try verify(
        activationsPath(layers: manifest.finishedLayers, block: block),
        bytes: description.activationBytes(ofBlock: block),
        manifest.activations[block - description.baseBlocks])
    }
    if let baseTail = manifest.baseTail {
      try verify(
        baseTailPath, bytes: description.layout.blockBytes(layers: description.layers), baseTail)
    }
    if manifest.isFinished {
      try verify(lastPositionPath, bytes: description.rowBytes, manifest.activations[0])
    }
  }

  private func verify(
    _ path: String, bytes: Int, _ checksum: Checksum
  ) throws(FileError) {
    let file = try mapped(path, bytes: bytes)
    guard Checksum(of: UnsafeRawBufferPointer(rebasing: file.bytes[..<bytes])) == checksum else {
      throw Self.changed(path)
    }
  }
}
