import ContextFiles
import Digests
import Transformer

extension SavedContext {
  /// Reads this rank's blocks, and its activations as far as the prefill needs them, into the
  /// session, which goes on behind them. Of what a base gives, all layers are read; of the context's own
  /// tokens, those that are finished, which are none where nothing of it is saved yet. It sends no message.
  ///
  /// - Parameter onProgress: told, by the calling thread, which part of this rank's blocks is read.
  /// - Throws: `FileError`.
  public func restore(onProgress: ((_ fraction: Double) -> Void)? = nil) throws {
    precondition(canBeRestored, "there is nothing to restore")
    try forEachBlock(files.indices, onProgress: onProgress) { try restore(block: $0) }
    if let restored, restored.isFinished, let row = context.lastActivations {
      try directory.readLastPosition(of: restored, into: row)
    }
    context.declareRestored(finishedLayers: restored?.finishedLayers ?? 0)
  }

  private func restore(block index: Int) throws {
    let file = files[index]
    func read(_ file: BlockFile, layers: Int, expecting checksum: Checksum) throws {
      try file.read(
        into: (0..<layers).map { context.keyValues(ofBlock: index, layer: $0) },
        expecting: checksum, in: directory)
    }
    if file.block < description.baseBlocks {
      let checksums = restored?.blocks ?? base!.manifest.blocks
      return try read(file, layers: description.layers, expecting: checksums[file.block])
    }
    // The base's rows in layers that are not finished; in the others, the context's own file has them, too.
    if file.block == description.sharedBlock, let baseTail {
      let isInBase = directory == base?.directory
      try read(
        isInBase
          ? BlockFile(block: file.block, in: directory)
          : BlockFile(baseTail: file.block, in: directory),
        layers: description.layers, expecting: baseTail)
      // Of a base that is gone on with before its end, the next tokens are there, too.
      context.clear(
        block: index, from: description.base!.tokens % description.layout.tokensPerBlock)
    }
    guard let restored else { return }
    try read(file, layers: restored.finishedLayers, expecting: restored.blocks[file.block])
    guard !restored.isFinished else { return }
    try directory.readActivations(
      of: restored, block: file.block, into: activations(ofBlock: index))
  }

  /// The activations of one block's own tokens, which are its last ones.
  func activations(ofBlock index: Int) -> UnsafeMutableRawBufferPointer {
    let bytes = description.activationBytes(ofBlock: files[index].block)
    return UnsafeMutableRawBufferPointer(
      rebasing: context.activations(ofBlock: index).suffix(bytes))
  }
}
