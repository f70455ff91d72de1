import Digests

/// A saved context as its `manifest.json` says it: what it is of, how far its prefill is, and the
/// checksums of its files. The files are named by numbers alone; nothing that stands in a manifest
/// is ever used as the name of one.
public struct ContextManifest: Equatable, Sendable {
  /// What the key `format` says.
  static let format = "ringflash context"
  /// Raised with every change that a former reader would misunderstand; 2 of a model whose layers are
  /// not alike, 3 of a context that extends another.
  public static let formatVersion = 3
  /// 25 million tokens in blocks of 256. With the checksums of more, a manifest would exceed
  /// `mostBytes`.
  public static let mostBlocks = 100_000
  /// A longer file is none of ours, and is not read.
  static let mostBytes = 1 << 24

  public var description: ContextDescription
  /// Layers of the prefill whose KV blocks are here, 1 or more; all of them in a finished context. Blocks
  /// of a base have all from the beginning.
  public var finishedLayers: Int
  /// What the prefill has cost so far, over all runs.
  public var prefillMilliseconds: Int
  public var tokens: Checksum
  /// Of each KV block's file, over the layers that are finished.
  public var blocks: [Checksum]
  /// Of the activations of each block that is its own; in a finished context, of the last position's
  /// alone.
  public var activations: [Checksum]
  /// Of the base's file of the block that both share, all layers; nil where there is no such block, and in
  /// a finished context.
  public var baseTail: Checksum?

  public init(
    description: ContextDescription, finishedLayers: Int, prefillMilliseconds: Int,
    tokens: Checksum, blocks: [Checksum], activations: [Checksum], baseTail: Checksum? = nil
  ) {
    self.description = description
    self.finishedLayers = finishedLayers
    self.prefillMilliseconds = prefillMilliseconds
    self.tokens = tokens
    self.blocks = blocks
    self.activations = activations
    self.baseTail = baseTail
  }

  /// The oldest that has what this manifest says, so that former readers take it where they can.
  var formatVersion: Int {
    if description.base != nil { return 3 }
    return description.layout.layers == nil ? 1 : 2
  }

  /// Whether nothing of the context is left to prefill.
  public var isFinished: Bool { finishedLayers == description.layers }

  /// Whether a base's file is needed to go on with the block that both share.
  var hasBaseTail: Bool { !isFinished && description.sharedBlock != nil }

  /// Whose activations there are, as `activations` has them.
  var activationFiles: Int { isFinished ? 1 : description.blocks - description.baseBlocks }

  /// Bytes of the files that it lists, those that are shared with other contexts included.
  public var bytes: Int {
    let ofBase = description.baseBlocks + (hasBaseTail ? 1 : 0)
    return description.keyValueBytes(layers: finishedLayers)
      + ofBase * description.layout.blockBytes(layers: description.layers)
      + description.tokens * MemoryLayout<Int32>.stride
      + (isFinished ? description.rowBytes : description.activationBytes)
  }

  /// Layers in one block's file.
  func layers(ofBlock block: Int) -> Int {
    block < description.baseBlocks ? description.layers : finishedLayers
  }
}
