import Kernels
import MPI
import Transformer

// Questions about one context, answered together: each has a branch of the sequence, so none sees
// another, and a step runs one token of every answer and a piece of the prompts, so that a weight
// or a KV block of the context is read once for all. A question that is done makes room for the
// next. Rank 0 chooses the tokens and decides what ends; the others follow it.

extension Session {
  /// Answers questions about the context, up to `batch` at once; after the prefill.
  ///
  /// The answers are those that each question gets alone, to the last bit of the logits. The
  /// listeners are called on rank 0, with the question's number.
  ///
  /// - Parameters:
  ///   - questions: the same on every rank; each with no more tokens than the session was made for.
  ///   - onLogits: hears the logits from which each token is chosen, `[vocabularySize]`.
  ///   - onToken: hears every token but one that ends the sequence, and says whether to go on.
  ///   - onEnd: hears each answer as soon as it is done.
  ///   - shouldStop: asked before every step; true gives up all that is not done.
  /// - Returns: whether all questions are answered.
  /// - Throws: `MPIError`; where a listener throws, `SessionError` on every rank, so that all know
  ///   that the work is over.
  public func answer(
    _ questions: [Question],
    onLogits: (_ question: Int, UnsafeBufferPointer<Float>) throws -> Void,
    onToken: (_ question: Int, Int32) throws -> Bool,
    onEnd: (_ question: Int, Generation) throws -> Void,
    shouldStop: () -> Bool = { false }
  ) throws -> Bool {
    var branches = [Answering?](repeating: nil, count: batch)
    var waiting = questions.indices[...]
    var pieces: [AppendedTokens] = []
    // One a branch, and one for all.
    let steps = AlignedBuffer<Step>(count: batch + 1)
    while true {
      for branch in branches.indices where branches[branch] == nil {
        guard let question = waiting.popFirst() else { break }
        branches[branch] = Answering(question, questions[question])
        try stack.beginBranch(branch)
      }
      if branches.allSatisfy({ $0 == nil }) { return true }

      arrange(&pieces, of: &branches)
      if !pieces.isEmpty { try stack.append(pieces, logits: stepLogits.pointer) }

      var failure: (any Error)?
      if communicator.rank == 0 {
        do {
          steps.pointer[batch] = Step(token: 0, end: shouldStop() ? .interruption : .none)
          try choose(&branches, steps: steps.pointer, onLogits, onToken, onEnd)
        } catch {
          failure = error
          steps.pointer[batch] = Step(token: 0, end: .failure)
        }
      }
      try communicator.broadcast(bytes: UnsafeMutableRawBufferPointer(steps.elements), from: 0)
      if let failure { throw SessionError.listenerFailed(failure) }
      switch steps.pointer[batch].end {
      case .failure: throw SessionError.abandoned
      case .interruption: return false
      default: break
      }
      for branch in branches.indices where branches[branch]?.isWaiting == true {
        let step = steps.pointer[branch]
        if step.end == .none {
          branches[branch]!.pending.append(step.token)
        } else {
          branches[branch] = nil
        }
      }
    }
  }

  /// The tokens of the next step: of each branch one, and of the prompts as many more as there is
  /// room for.
  private func arrange(_ pieces: inout [AppendedTokens], of branches: inout [Answering?]) {
    pieces.removeAll(keepingCapacity: true)
    var room = DecoderStack.tokensPerAppend - 1
    for branch in branches.indices {
      guard let pending = branches[branch]?.pending, !pending.isEmpty else { continue }
      let count = min(pending.count, 1 + room)
      room -= count - 1
      pieces.append(
        AppendedTokens(
          branch: branch, tokens: pending.prefix(count), wantsLogits: count == pending.count))
      branches[branch]!.pending = pending.dropFirst(count)
      branches[branch]!.hasRun = true
    }
  }

  /// On rank 0: the next token of every answer whose logits are there.
  private func choose(
    _ branches: inout [Answering?], steps: UnsafeMutablePointer<Step>,
    _ onLogits: (Int, UnsafeBufferPointer<Float>) throws -> Void,
    _ onToken: (Int, Int32) throws -> Bool,
    _ onEnd: (Int, Generation) throws -> Void
  ) throws {
    let vocabulary = model.configuration.vocabularySize
    // They stand in the order of the branches.
    var place = 0
    for branch in branches.indices where branches[branch]?.isWaiting == true {
      var logits = contextLogits.pointer
      if branches[branch]!.hasRun {
        logits = stepLogits.pointer + place * vocabulary
        place += 1
      }
      let row = UnsafeBufferPointer(start: logits, count: vocabulary)
      let question = branches[branch]!.question
      try onLogits(question, row)
      let step = try branches[branch]!.next(row, endTokens: model.endOfSequenceTokens) {
        try onToken(question, $0)
      }
      steps[branch] = step
      if let end = step.generationEnd {
        try onEnd(question, Generation(tokens: branches[branch]!.generated, end: end))
      }
    }
  }
}

/// One question that is being answered.
private struct Answering {
  /// Its number.
  let question: Int
  private let maximumTokens: Int
  private var sampler: Sampler
  /// Only rank 0 keeps them.
  private(set) var generated: [Int32] = []
  /// What is still to be run: of the prompt, or the token that was chosen last.
  var pending: ArraySlice<Int32>
  /// Whether any token was run.
  var hasRun = false

  /// Whether its next token can be chosen.
  var isWaiting: Bool { pending.isEmpty }

  init(_ number: Int, _ question: Question) {
    self.question = number
    maximumTokens = question.maximumTokens
    sampler = Sampler(question.sampling)
    pending = question.prompt[...]
  }

  mutating func next(
    _ logits: UnsafeBufferPointer<Float>, endTokens: Set<Int32>,
    _ onToken: (Int32) throws -> Bool
  ) throws -> Step {
    guard maximumTokens > 0 else { return Step(token: 0, end: .length) }
    let token = sampler.next(logits)
    generated.append(token)
    if endTokens.contains(token) { return Step(token: token, end: .endOfSequence) }
    if try !onToken(token) { return Step(token: token, end: .stop) }
    return Step(token: token, end: generated.count == maximumTokens ? .length : .none)
  }
}

/// What rank 0 chose for one branch, or says to all.
private struct Step: BitwiseCopyable {
  enum End: UInt8, BitwiseCopyable { case none, endOfSequence, stop, length, interruption, failure }
  var token: Int32
  var end: End

  /// Nil where the answer goes on.
  var generationEnd: Generation.End? {
    switch end {
    case .endOfSequence: .endOfSequence
    case .stop: .stop
    case .length: .length
    case .none, .interruption, .failure: nil
    }
  }
}
