import Kernels
import MPI
import RankTesting
import RingAttention
import Transformer

/// A context, a prompt of more tokens than are appended at once, and some tokens one by one, as
/// generated ones come.
struct StackRun {
  static let promptTokens = 70
  static let generatedTokens = 3

  let weights: ModelWeights
  let context: Int
  /// The context, the prompt and the tokens after it.
  let tokens: [Int32]

  init(_ weights: ModelWeights, context: Int) {
    self.weights = weights
    self.context = context
    tokens = sampleTokens(
      context + Self.promptTokens + Self.generatedTokens,
      vocabulary: weights.configuration.vocabularySize)
  }

  /// The positions whose logits are taken: the last of the context and of the prompt, and each one
  /// after it.
  var positions: [Int] {
    [context - 1] + (context + Self.promptTokens - 1..<tokens.count)
  }

  /// - Parameter promptPiece: how many tokens of the prompt are appended at once.
  /// - Returns: `[positions][vocabularySize]`.
  @MPIThread func logits(
    _ communicator: Communicator, _ arithmetic: Arithmetic, partition: PartitionKind = .zigzag,
    promptPiece: Int = DecoderStack.tokensPerAppend
  ) throws -> [Float] {
    let vocabulary = weights.configuration.vocabularySize
    let stack = DecoderStack(
      weights: weights, communicator: communicator, arithmetic: arithmetic, partition: partition,
      contextTokens: context, maximumAppended: tokens.count - context)
    let memory = AlignedBuffer<Float>(count: vocabulary)
    var logits: [Float] = []
    try stack.prefill(tokens: Array(tokens[..<context]))
    try stack.lastContextLogits(into: memory.pointer)
    logits += memory.elements
    let promptEnd = context + Self.promptTokens
    try stack.beginBranch(0)
    for first in stride(from: context, to: promptEnd, by: promptPiece) {
      let end = min(first + promptPiece, promptEnd)
      try stack.append(tokens[first..<end], logits: memory)
    }
    logits += memory.elements
    for position in promptEnd..<tokens.count {
      try stack.append(tokens[position...position], logits: memory)
      logits += memory.elements
    }
    return logits
  }
}

extension DecoderStack {
  /// Appends tokens to the first branch, and takes the logits of the last of them.
  func append(_ tokens: ArraySlice<Int32>, logits: borrowing AlignedBuffer<Float>) throws {
    try append(
      [AppendedTokens(branch: 0, tokens: tokens, wantsLogits: true)], logits: logits.pointer)
  }
}

extension Communicator {
  /// What `body` gives on rank 0, on every rank.
  func fromRank0<Element: BitwiseCopyable>(_ body: () throws -> [Element]) throws -> [Element] {
    try broadcast(array: rank == 0 ? body() : [], from: 0)
  }
}

extension [Float] {
  var bits: [UInt32] { map(\.bitPattern) }
}
