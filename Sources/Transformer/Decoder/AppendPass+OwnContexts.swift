import Kernels
import RingAttention

// A branch may begin with a context of its own, which goes on behind the common one as text does that extends
// it: prefilled whatever its length, with the bits of one run over both. Where OpenBLAS multiplies, the
// branch computes the common context's last block anew with it, as an extension does.
//
// Branches that begin alike compute it once: another one gets the blocks. They have other owners there, of
// which each has all of its blocks from one rank.

extension AppendPass {
  /// Prefills a branch's own context; the branch is empty. Every rank calls this.
  ///
  /// - Parameters:
  ///   - tokens: one at least, no more than announced.
  ///   - contextTokens: the whole common context's ids.
  /// - Throws: `MPIError`.
  public func prefillOwnContext(
    _ tokens: [Int32], branch: Int, behind contextTokens: [Int32]
  ) throws {
    checkOwnContext(tokens: tokens.count, branch: branch)
    let whole = try prefillPart(tokens, branch: branch, behind: contextTokens)
    try shareLastPosition(of: whole, into: end(ofBranch: branch))
    ownContextTokens[branch] = tokens.count
  }

  /// Begins a branch with the own context of another one, whatever else that has. Every rank calls this.
  ///
  /// - Throws: `MPIError`.
  public func copyOwnContext(of source: Int, to branch: Int) throws {
    let tokens = ownContextTokens[source]
    beginBranch(branch)
    checkOwnContext(tokens: tokens, branch: branch)
    let position = context.contextTokens + tokens
    promptWork.bytesSent += try context.branches.copy(
      source, to: branch, upTo: (position - 1) / tokensPerBlock, context.communicator)
    end(ofBranch: branch).update(
      from: end(ofBranch: source), count: context.configuration.hiddenSize)
    (appendedTokens[branch], ownContextTokens[branch]) = (tokens, tokens)
    context.branches.cut(branch, at: position, context.arithmetic)
  }

  /// Forgets all of a branch but its own context. Every rank calls this.
  public func returnToOwnContext(ofBranch branch: Int) {
    appendedTokens[branch] = ownContextTokens[branch]
    context.branches.cut(
      branch, at: context.contextTokens + appendedTokens[branch], context.arithmetic)
  }

  /// The logits of the last position of a branch's own context, `[vocabulary.size]`, on every rank.
  ///
  /// - Throws: `MPIError`.
  public func lastOwnContextLogits(
    ofBranch branch: Int, into logits: UnsafeMutablePointer<Float>
  ) throws {
    stream.update(from: end(ofBranch: branch), count: context.configuration.hiddenSize)
    try multiplyByHead(rows: 1, into: logits)
  }

  // MARK: - One that was saved

  /// This rank's blocks of an own context of so many tokens, by their numbers in the sequence.
  public func ownContextBlocks(tokens: Int, branch: Int) -> [Int] {
    Array(
      context.branches.blocks(branch, upTo: (context.contextTokens + tokens - 1) / tokensPerBlock))
  }

  /// Where the keys and values of one of these belong in one layer, `cache.layout[layer].blockBytes`.
  public func keyValues(
    ofBlock block: Int, layer: Int, branch: Int
  ) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(
      start: context.branches.head(0, layer: layer, branch: branch, block: block),
      count: context.branches.layout[layer].blockBytes)
  }

  /// Where the hidden state of its last position belongs, `[hiddenSize]` float32.
  public func lastActivations(ofBranch branch: Int) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(
      UnsafeMutableBufferPointer(
        start: end(ofBranch: branch), count: context.configuration.hiddenSize))
  }

  /// Says that the blocks of an own context, and its last position, are about to be written into an empty
  /// branch. Every rank calls this.
  public func declareOwnContextRestored(tokens: Int, branch: Int) {
    checkOwnContext(tokens: tokens, branch: branch)
    context.branches.use(branch, upTo: (context.contextTokens + tokens - 1) / tokensPerBlock)
    (appendedTokens[branch], ownContextTokens[branch]) = (tokens, tokens)
  }

  private func checkOwnContext(tokens: Int, branch: Int) {
    precondition(
      appendedTokens[branch] == 0
        && 1...max(1, context.plan.sequence.longestOwnContext) ~= tokens,
      "a branch begins with its own context, of no more tokens than announced")
  }

  /// `[hiddenSize]` float32.
  private func end(ofBranch branch: Int) -> UnsafeMutablePointer<Float> {
    precondition(context.plan.sequence.longestOwnContext > 0, "own contexts are announced")
    return ends + branch * context.configuration.hiddenSize
  }
}
