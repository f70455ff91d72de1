import Kernels
import RingAttention

// A long prompt is prefilled as text is that extends a context: by all ranks, each its own tokens, with
// matrix-matrix kernels. Whether it is follows from its length alone, so its bits do not depend on ranks or
// on what else is asked.

extension AppendPass {
  /// Tokens from which on a prompt is prefilled: four blocks, which keep some ranks busy, and of which each
  /// weight is unpacked once, where pieces of 64 would read it sixteen times.
  public static let leastPrefilledTokens = PrefillPass.tokensPerChunk

  /// Whether a prompt of so many tokens is prefilled in its branch.
  public static func prefillsPrompt(tokens: Int, _ arithmetic: Arithmetic) -> Bool {
    // Where OpenBLAS multiplies, a row's bits depend on the others of its block, which may be the context's.
    tokens >= leastPrefilledTokens && arithmetic.multipliesPanels
  }

  /// Whether this prompt is.
  public func prefillsPrompt(tokens: Int) -> Bool {
    Self.prefillsPrompt(tokens: tokens, context.arithmetic)
  }

  /// Prefills a prompt in a branch that has nothing, or a context of its own. Every rank calls this.
  ///
  /// - Parameters:
  ///   - prompt: of as many tokens as `prefillsPrompt` says.
  ///   - contextTokens: the whole context's ids, those of the branch's own behind it.
  ///   - logits: takes the last token's, `[vocabulary.size]`.
  /// - Throws: `MPIError`.
  public func prefill(
    _ prompt: [Int32], branch: Int, behind contextTokens: [Int32],
    logits: UnsafeMutablePointer<Float>
  ) throws {
    precondition(
      appendedTokens[branch] == ownContextTokens[branch]
        && prompt.count <= context.plan.sequence.longestPrompt,
      "a prompt is the first behind its context, of no more tokens than announced")
    let whole = try prefillPart(prompt, branch: branch, behind: contextTokens)
    try computeLogits(ofLastPositionOf: whole, into: logits)
  }

  /// Prefills tokens behind those of a branch.
  ///
  /// - Returns: all to their end.
  func prefillPart(
    _ tokens: [Int32], branch: Int, behind contextTokens: [Int32]
  ) throws -> DecoderContext {
    let appended = appendedTokens[branch]
    let end = context.contextTokens + appended + tokens.count
    precondition(
      contextTokens.count == context.contextTokens + appended
        && appended + tokens.count <= context.plan.sequence.maximumAppended,
      "all tokens before these, and no more than announced")
    context.branches.use(branch, upTo: (end - 1) / tokensPerBlock)
    let whole = DecoderContext(
      context, PartOfBranch(branch: branch, tokens: appended..<appended + tokens.count))
    try PrefillPass(whole).run(tokens: contextTokens + tokens)
    appendedTokens[branch] += tokens.count
    promptWork += whole.prefillCost.attention
    promptWork.bytesSent += whole.prefillCost.weightBytesSent
    return whole
  }
}
