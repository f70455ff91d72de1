import ContextFiles
import Digests
import Kernels
import MPI
import Transformer

/// A session's context on disk, as one rank restores and saves its share of it. Its methods do not
/// agree with the other ranks on what fails; that is for who calls them.
public final class SavedContext {
  public let directory: ContextDirectory
  /// What is there, or will be.
  public let description: ContextDescription
  /// The prefill that the session goes on with; nil for a new one.
  public let restored: ContextManifest?
  /// What a new context begins with; nil where there is nothing, or where `restored` has it already.
  public let base: FinishedContext?

  let session: Session
  /// The whole context's ids, the same on every rank.
  let tokens: [Int32]
  /// One for each block that this rank owns.
  let files: [BlockFile]
  /// On rank 0, of the file that all checkpoints share; nil until it is written.
  var tokenChecksum: Checksum?
  /// Of this rank's blocks, as they were last written; of the last position alone in the end.
  var activationChecksums: [Checksum]

  /// - Parameters:
  ///   - session: new, nothing prefilled.
  ///   - directory: where the context is or will be saved; `base`'s own where it is not saved.
  ///   - restored: the directory's manifest if there is one.
  ///   - base: what the description's base is of, where nothing of the context is saved yet. A directory
  ///     other than its own has been prepared for extending it.
  public init(
    of session: Session, _ description: ContextDescription, tokens: [Int32],
    in directory: ContextDirectory, restored: ContextManifest? = nil,
    extending base: FinishedContext? = nil
  ) {
    precondition(restored == nil || base == nil, "a base is behind what is restored")
    precondition(
      base.map { $0.manifest.description.tokens >= description.base?.tokens ?? .max } ?? true,
      "the base is the one that is described")
    self.session = session
    self.base = base
    self.description = description
    self.tokens = tokens
    self.directory = directory
    self.restored = restored
    files = session.context.ownContextBlocks.map { BlockFile(block: $0, in: directory) }
    tokenChecksum = restored?.tokens
    activationChecksums = []
  }

  /// Whether there is something to restore: layers of the context, or a base.
  public var canBeRestored: Bool { restored != nil || base != nil }

  /// What the manifest says, or will say, of the block that an unfinished context shares with its base;
  /// nil where there is none.
  var baseTail: Checksum? {
    guard let block = description.sharedBlock else { return nil }
    return base?.manifest.blocks[block] ?? restored?.baseTail
  }

  /// Those of `files` that are not wholly the base's: the last of them.
  var ownFiles: Range<Int> {
    let first = files.firstIndex { $0.block >= description.baseBlocks } ?? files.count
    return first..<files.count
  }

  var context: DecoderContext { session.context }

  /// Calls `body` with the index of each of this rank's blocks, on all of its threads.
  ///
  /// - Parameter indices: of blocks, those of `files`.
  /// - Throws: what `body` throws for the first of the blocks for which it throws.
  func forEachBlock(
    _ indices: Range<Int>, onProgress: ((_ fraction: Double) -> Void)? = nil,
    _ body: (Int) throws -> Void
  ) throws {
    try session.forEachItem(of: indices, onProgress: onProgress, body)
  }
}

extension ContextDescription.Layout {
  /// That of a session with this model and arithmetic.
  public init(model: ModelConfiguration, arithmetic: Arithmetic) {
    let layouts = model.layers.map { arithmetic.keyValueLayout($0.attention.shape) }
    self.init(
      layers: layouts.map {
        ContextDescription.Heads(
          queryHeads: $0.shape.queryHeads, keyValueHeads: $0.shape.keyValueHeads,
          headDimension: $0.shape.headDimension,
          paddedHeadDimension: $0.shape.paddedHeadDimension, blockBytes: $0.blockBytes)
      },
      hiddenSize: model.hiddenSize, tokensPerBlock: Kernels.tokensPerBlock,
      // One of all layers: it is the arithmetic's.
      arrangement: layouts[0].name)
  }
}
