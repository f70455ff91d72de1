import ContextFiles
import Transformer

/// A context of a question's own, which goes on behind the session's: its answer is one about both, as if they
/// were one context. Questions may have the same.
public struct OwnContext: Sendable {
  /// The ids behind the session's context, one at least.
  public let tokens: [Int32]
  /// Where the keys and values of both are, the session's and these; nil where they are computed.
  public let saved: FinishedContext?

  public init(tokens: [Int32], saved: FinishedContext? = nil) {
    precondition(!tokens.isEmpty, "a context of a question's own has a token")
    self.tokens = tokens
    self.saved = saved
  }
}

extension Session {
  /// Reads the blocks of a saved own context that this rank has in a branch, which is empty, and its last
  /// position. It sends no message.
  ///
  /// - Throws: `FileError`.
  func restore(_ saved: FinishedContext, tokens: Int, branch: Int) throws {
    let (directory, manifest) = (saved.directory, saved.manifest)
    append.declareOwnContextRestored(tokens: tokens, branch: branch)
    let blocks = append.ownContextBlocks(tokens: tokens, branch: branch)
    let layers = model.configuration.layers.indices
    try forEachItem(of: blocks.indices) { [append] index in
      try BlockFile(block: blocks[index], in: directory).read(
        into: layers.map { append.keyValues(ofBlock: blocks[index], layer: $0, branch: branch) },
        expecting: manifest.blocks[blocks[index]], in: directory)
    }
    try directory.readLastPosition(of: manifest, into: append.lastActivations(ofBranch: branch))
  }
}
