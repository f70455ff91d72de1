import Digests

/// A saved context as its `manifest.json` says it: what it is of, how far its prefill is, and the
/// checksums of its files. The files are named by numbers alone; nothing that stands in a manifest
/// is ever used as the name of one.
public struct ContextManifest: Equatable, Sendable {
  /// What the key `format` says.
  static let format = "ringflash context"
  /// Raised with every change that a former reader would misunderstand; 2 of a model whose layers are
  /// not alike.
  public static let formatVersion = 2
  /// 25 million tokens in blocks of 256. With the checksums of more, a manifest would exceed
  /// `mostBytes`.
  public static let mostBlocks = 100_000
  /// A longer file is none of ours, and is not read.
  static let mostBytes = 1 << 24

  public var description: ContextDescription
  /// Layers of the prefill whose KV blocks are here, 1 or more; all of them in a finished context.
  public var finishedLayers: Int
  /// What the prefill has cost so far, over all runs.
  public var prefillMilliseconds: Int
  public var tokens: Checksum
  /// Of each KV block's file, over the layers that are finished.
  public var blocks: [Checksum]
  /// Of each block's activations; in a finished context, of the last position's alone.
  public var activations: [Checksum]

  public init(
    description: ContextDescription, finishedLayers: Int, prefillMilliseconds: Int,
    tokens: Checksum, blocks: [Checksum], activations: [Checksum]
  ) {
    self.description = description
    self.finishedLayers = finishedLayers
    self.prefillMilliseconds = prefillMilliseconds
    self.tokens = tokens
    self.blocks = blocks
    self.activations = activations
  }

  /// The oldest that has what this manifest says, so that former readers take it where they can.
  var formatVersion: Int { description.layout.layers == nil ? 1 : 2 }

  /// Whether nothing of the context is left to prefill.
  public var isFinished: Bool { finishedLayers == description.layers }

  /// Bytes of the files that it lists.
  public var bytes: Int {
    description.keyValueBytes(layers: finishedLayers)
      + description.tokens * MemoryLayout<Int32>.stride
      + (isFinished ? description.rowBytes : description.activationBytes)
  }
}
