import Kernels
import MPI
import RingAttention
import Transformer

/// A context, a prompt of more tokens than are appended at once, and some tokens one by one, as
/// generated ones come.
package struct DecoderRun {
  package static let promptTokens = 70
  package static let generatedTokens = 3

  package let weights: ModelWeights
  package let context: Int
  /// The context, the prompt and the tokens after it.
  package let tokens: [Int32]

  package init(_ weights: ModelWeights, context: Int) {
    self.weights = weights
    self.context = context
    tokens = sampleTokens(
      context + Self.promptTokens + Self.generatedTokens,
      vocabulary: weights.configuration.vocabulary.size)
  }

  /// The positions whose logits are taken: the last of the context and of the prompt, and each one
  /// after it.
  package var positions: [Int] {
    [context - 1] + (context + Self.promptTokens - 1..<tokens.count)
  }

  /// - Parameters:
  ///   - prefillPositions: whose logits the prefill is asked for.
  ///   - promptPiece: how many tokens of the prompt are appended at once.
  ///   - hosts: into how many hosts the ranks are taken to be spread, by turns; nil for where they are.
  ///   - division: of linear layers among hosts.
  /// - Returns: `[positions][vocabularySize]`.
  @MPIThread package func logits(
    _ communicator: Communicator, _ arithmetic: Arithmetic, partition: PartitionKind = .zigzag,
    of prefillPositions: ContextPositions = .last, promptPiece: Int = AppendPass.tokensPerStep,
    hosts: Int? = nil, division: DividedLinear.Division = .bySizes
  ) throws -> [Float] {
    let vocabulary = weights.configuration.vocabulary.size
    let prefilled = DecoderContext(
      weights: weights,
      SequenceDescription(
        partition: partition, contextTokens: context, maximumAppended: tokens.count - context),
      communicator: communicator, arithmetic: arithmetic)
    let memory = AlignedBuffer<Float>(count: vocabulary)
    var logits: [Float] = []
    MPIEnvironment.emulatedHost = hosts.map { communicator.rank % $0 }
    defer { MPIEnvironment.emulatedHost = nil }
    try PrefillPass(prefilled, logitsOf: prefillPositions).run(tokens: Array(tokens[..<context]))
    let pass = try AppendPass(prefilled, division: division)
    try pass.lastContextLogits(into: memory.pointer)
    logits += memory.elements
    let promptEnd = context + Self.promptTokens
    pass.beginBranch(0)
    for first in stride(from: context, to: promptEnd, by: promptPiece) {
      let end = min(first + promptPiece, promptEnd)
      try pass.append(tokens[first..<end], logits: memory)
    }
    logits += memory.elements
    for position in promptEnd..<tokens.count {
      try pass.append(tokens[position...position], logits: memory)
      logits += memory.elements
    }
    return logits
  }
}

extension AppendPass {
  /// Appends tokens to the first branch, and takes the logits of the last of them.
  package func append(_ tokens: ArraySlice<Int32>, logits: borrowing AlignedBuffer<Float>) throws {
    try append(
      [AppendedTokens(branch: 0, tokens: tokens, wantsLogits: true)], logits: logits.pointer)
  }
}
