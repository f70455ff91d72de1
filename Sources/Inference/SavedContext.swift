import ContextFiles
import Digests
import Kernels
import MPI
import Synchronization
import Transformer

/// A session's context on disk, as one rank restores and saves its share of it. Its methods do not
/// agree with the other ranks on what fails; that is for who calls them.
public final class SavedContext {
  public let directory: ContextDirectory
  /// What is there, or will be.
  public let description: ContextDescription
  /// The prefill that the session goes on with; nil for a new one.
  public let restored: ContextManifest?

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
  ///   - restored: the directory's manifest if there is one.
  public init(
    of session: Session, _ description: ContextDescription, tokens: [Int32],
    in directory: ContextDirectory, restored: ContextManifest? = nil
  ) {
    self.session = session
    self.description = description
    self.tokens = tokens
    self.directory = directory
    self.restored = restored
    files = session.context.ownContextBlocks.map { BlockFile(block: $0, in: directory) }
    tokenChecksum = restored?.tokens
    activationChecksums = []
  }

  var context: DecoderContext { session.context }

  /// Calls `body` with the index of each of this rank's blocks, on all of its threads.
  ///
  /// - Throws: what `body` throws for the first of the blocks for which it throws.
  func forEachBlock(
    onProgress: ((_ fraction: Double) -> Void)? = nil, _ body: (Int) throws -> Void
  ) throws {
    let count = files.count
    let failure = Mutex<(index: Int, error: any Error)?>(nil)
    let done = Atomic<Int>(0)
    func betweenItems() {
      session.communicator.tick()
      onProgress?(Double(done.load(ordering: .relaxed)) / Double(count))
    }
    context.team.forEach(count, betweenItems: betweenItems) { index, _ in
      do {
        try body(index)
      } catch {
        failure.withLock { first in
          if first.map({ index < $0.index }) ?? true { first = (index, error) }
        }
      }
      done.wrappingAdd(1, ordering: .relaxed)
    }
    if let failure = failure.withLock({ $0 }) { throw failure.error }
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
