import ContextFiles
import Transformer

extension SavedContext {
  /// Reads this rank's blocks, and its activations as far as the prefill needs them, into the
  /// session, which goes on behind them. It sends no message.
  ///
  /// - Parameter onProgress: told, by the calling thread, which part of this rank's blocks is read.
  /// - Throws: `FileError`.
  public func restore(onProgress: ((_ fraction: Double) -> Void)? = nil) throws {
    guard let manifest = restored else { preconditionFailure("there is nothing to restore") }
    let layers = manifest.finishedLayers
    try forEachBlock(onProgress: onProgress) { index in
      let file = files[index]
      try file.read(
        into: (0..<layers).map { context.keyValues(ofBlock: index, layer: $0) },
        expecting: manifest.blocks[file.block], in: directory)
      guard !manifest.isFinished else { return }
      try directory.readActivations(
        of: manifest, block: file.block, into: context.activations(ofBlock: index))
    }
    if manifest.isFinished, let row = context.lastActivations {
      try directory.readLastPosition(of: manifest, into: row)
    }
    context.declareRestored(finishedLayers: layers)
  }
}
