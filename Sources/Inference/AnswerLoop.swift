import Kernels
import MPI
import RingAttention
import Transformer

// Each question has a branch of the sequence, so none sees another, and a step runs one token of every
// answer and a piece of the prompts, so that a weight or a KV block of the context is read once for
// all. A question that is done makes room for the next. Rank 0 has the questions, chooses the tokens
// and decides what ends; the others are told only the tokens.

/// Answers questions about a session's context, as many at once as the session has branches, while
/// further ones may be submitted.
///
/// The answers are those that each question gets alone, to the last bit of the logits. Questions are
/// begun in the order in which they are submitted; own contexts that some of them share are computed once
/// as long as a branch has them. A session has one loop at a time, after the
/// prefill.
public final class AnswerLoop {
  public enum State: Sendable {
    /// At least one question is being answered.
    case answering
    /// All that were submitted are answered.
    case idle
    /// All that were not answered are given up; see `stop()`.
    case stopped
  }

  let session: Session
  /// What questions may have before their prompts.
  private let contexts: [OwnContext]
  /// `[branches]`: what is being answered.
  private var branches: [AnswerBranch?]
  /// `[branches]`: the own context that a branch begins with, also when its answer is done; nil for none.
  private var held: [Int?]
  /// What all ranks know of and has no branch yet, the oldest first.
  private var waiting: ArraySlice<AnswerBranch> = []
  /// On rank 0, what the other ranks have not been told of.
  private var submitted: [AnswerBranch] = []
  /// On rank 0, how many questions were submitted so far.
  private var count = 0
  private var isStopping = false

  private let message: StepMessage
  /// `[branches][vocabulary.size]`: of those that the last step gave.
  private let logits: AlignedBuffer<Float>
  /// The tokens of a step, those of each branch together, and whose they are.
  private var tokens: [Int32] = []
  private var pieces: [AppendedTokens] = []
  private var workspace = Sampler.Workspace()
  /// On rank 0, where attention is traced: what the rows of those logits attended to, `[rows][passages]`,
  /// and what the context's last position did, once a question has no prompt.
  private var passageScores: [[PassageScore]] = []
  private var contextScores: [PassageScore]?
  /// Which tokens the context has, once a question's penalties want to know.
  private lazy var contextHistory = TokenHistory(
    vocabulary: session.model.configuration.vocabulary.size, tokens: session.contextTokens)

  /// Every rank calls this.
  ///
  /// - Parameter contexts: what questions may have before their prompts, the same on every rank; a saved one
  ///   is of the session's model and arithmetic, and begins with its context.
  public init(_ session: Session, contexts: [OwnContext] = []) {
    self.session = session
    self.contexts = contexts
    let count = session.sequence.branches
    branches = [AnswerBranch?](repeating: nil, count: count)
    held = [Int?](repeating: nil, count: count)
    message = StepMessage(branches: count)
    logits = AlignedBuffer(count: count * session.model.configuration.vocabulary.size)
  }

  /// Takes a question, which the next step begins to answer if it finds room; on rank 0 alone, at any
  /// time, also while a listener hears of another one.
  ///
  /// - Returns: its number, from 0 on.
  /// - Throws: `QuestionError` if it is longer than what the session was made for.
  public func submit(_ question: Question) throws(QuestionError) -> Int {
    precondition(session.communicator.rank == 0, "rank 0 has the questions")
    let room = session.sequence.maximumAppended
    let longest = ownTokens(question.context).count + question.longest
    guard longest <= room else { throw .tooLong(tokens: longest, room: room) }
    defer { count += 1 }
    submitted.append(
      AnswerBranch(
        context: question.context, prompt: question.prompt, answer: BranchAnswer(count, question)))
    return count
  }

  /// The ids of an own context; none of none.
  private func ownTokens(_ context: Int?) -> [Int32] { context.map { contexts[$0].tokens } ?? [] }

  /// Has the next step give up all that is not done by then, on every rank; on rank 0 alone.
  public func stop() {
    precondition(session.communicator.rank == 0, "rank 0 says what is given up")
    isStopping = true
  }

  /// Chooses the next token of every answer whose logits are there, then runs these, and a piece of the
  /// prompts. Every rank calls this; it returns the same on each.
  ///
  /// The listeners are called on rank 0, with the question's number.
  ///
  /// - Parameters:
  ///   - onLogits: hears the logits from which each token is chosen, `[vocabulary.size]`.
  ///   - onSources: where the session traces attention, hears next to them how much each passage of
  ///     the context had to do with that token, `[ContextPassages.count]`.
  ///   - onToken: hears every token but one that ends the sequence, and says whether to go on.
  ///   - onEnd: hears each answer as soon as it is done.
  /// - Throws: `MPIError`; where a listener throws, `SessionError` on every rank, so that all know
  ///   that what was under way is given up; `FileError`, on the rank that finds a saved own context
  ///   damaged.
  public func step(
    onLogits: (_ question: Int, UnsafeBufferPointer<Float>) throws -> Void,
    onSources: (_ question: Int, [PassageScore]) throws -> Void = { _, _ in },
    onToken: (_ question: Int, Int32) throws -> Bool,
    onEnd: (_ question: Int, Generation) throws -> Void
  ) throws -> State {
    var failure: (any Error)?
    if session.communicator.rank == 0 {
      var verdict = StepMessage.Verdict.fail
      do {
        try choose(onLogits, onSources, onToken, onEnd)
        verdict = isStopping ? .stop : .goOn
      } catch {
        failure = error
      }
      message.header.pointee = StepMessage.Header(
        verdict: verdict, questions: submitted.count,
        promptTokens: submitted.reduce(0) { $0 + $1.prompt.count })
    }
    try session.communicator.broadcast(bytes: message.bytes, from: 0)
    guard message.header.pointee.verdict == .goOn else {
      giveUp()
      if message.header.pointee.verdict == .stop { return .stopped }
      throw failure.map { SessionError.listenerFailed($0) } ?? SessionError.abandoned
    }
    follow()
    try spreadQuestions()
    try begin()
    try append()
    return branches.contains { $0 != nil } ? .answering : .idle
  }

  private func giveUp() {
    for branch in branches.indices { branches[branch] = nil }
    waiting = []
    submitted = []
    isStopping = false
  }

  /// On rank 0: the next token of every answer whose logits are there.
  private func choose(
    _ onLogits: (Int, UnsafeBufferPointer<Float>) throws -> Void,
    _ onSources: (Int, [PassageScore]) throws -> Void,
    _ onToken: (Int, Int32) throws -> Bool,
    _ onEnd: (Int, Generation) throws -> Void
  ) throws {
    let vocabulary = session.model.configuration.vocabulary.size
    for branch in branches.indices where branches[branch]?.isWaiting == true {
      let row = UnsafeBufferPointer(
        start: branches[branch]!.logitsRow.map { logits.pointer + $0 * vocabulary }
          ?? session.contextLogits.pointer, count: vocabulary)
      let number = branches[branch]!.answer!.number
      try onLogits(number, row)
      if session.sequence.tracesAttention {
        try onSources(
          number, branches[branch]!.logitsRow.map { passageScores[$0] } ?? contextScores!)
      }
      let choice = try branches[branch]!.answer!.next(
        row, &workspace, ends: session.model.endOfSequenceTokens
      ) { try onToken(number, $0) }
      message.choices[branch] = choice
      if let end = choice.end {
        try onEnd(number, Generation(tokens: branches[branch]!.answer!.history.answer, end: end))
      }
    }
  }

  /// Does what rank 0 chose.
  private func follow() {
    for branch in branches.indices where branches[branch]?.isWaiting == true {
      let choice = message.choices[branch]
      if choice.end == nil {
        branches[branch]!.chosen = choice.token
      } else {
        branches[branch] = nil
      }
    }
  }

  /// Brings new questions to all ranks, where there are any: the lengths of their prompts, the numbers of
  /// their own contexts, and the prompts.
  private func spreadQuestions() throws {
    let header = message.header.pointee
    guard header.questions > 0 else { return }
    var words =
      submitted.flatMap { [Int32($0.prompt.count), $0.context.map(Int32.init) ?? -1] }
      + submitted.flatMap(\.prompt)
    if session.communicator.rank != 0 {
      words = [Int32](repeating: 0, count: 2 * header.questions + header.promptTokens)
    }
    try words.withUnsafeMutableBytes { try session.communicator.broadcast(bytes: $0, from: 0) }
    if session.communicator.rank != 0 {
      var end = 2 * header.questions
      submitted = (0..<header.questions).map { question in
        let (start, context) = (end, Int(words[2 * question + 1]))
        end += Int(words[2 * question])
        return AnswerBranch(
          context: context < 0 ? nil : context, prompt: Array(words[start..<end]))
      }
    }
    waiting += submitted
    submitted.removeAll(keepingCapacity: true)
  }

  /// Gives the free branches to what waits. One own context is computed in a step at most: so other answers
  /// go on meanwhile, and a job that is to stop waits for no more.
  private func begin() throws {
    var computes = true
    while var next = waiting.first, let branch = freeBranch(for: next.context) {
      let isNew = next.context.map { !held.contains($0) } ?? false
      guard computes || !isNew else { return }
      if isNew { computes = false }
      waiting.removeFirst()
      if let penalties = next.answer?.penalties {
        next.answer!.begin(
          after: penalties.hasRepetition ? contextHistory : TokenHistory(),
          ownTokens(next.context), next.prompt)
      }
      branches[branch] = next
      try begin(branch, with: next.context)
      if session.sequence.tracesAttention, contextScores == nil, next.context == nil,
        next.prompt.isEmpty
      {
        contextScores =
          try session.append.lastPassageScores(session.contextTokens.last!, branch: branch)
          .first ?? []
      }
    }
  }

  /// The first free branch that begins with the own context, or else the first one.
  private func freeBranch(for context: Int?) -> Int? {
    let free = branches.indices.filter { branches[$0] == nil }
    return free.first { context != nil && held[$0] == context } ?? free.first
  }

  /// Makes a branch one that begins with the own context, and has nothing else.
  private func begin(_ branch: Int, with context: Int?) throws {
    let append = session.append
    guard let context else {
      append.beginBranch(branch)
      held[branch] = nil
      return
    }
    if held[branch] == context {
      append.returnToOwnContext(ofBranch: branch)
    } else if let source = held.firstIndex(of: context) {
      try append.copyOwnContext(of: source, to: branch)
    } else {
      append.beginBranch(branch)
      held[branch] = nil
      let own = contexts[context]
      if let saved = own.saved {
        try session.restore(saved, tokens: own.tokens.count, branch: branch)
      } else {
        try append.prefillOwnContext(own.tokens, branch: branch, behind: session.contextTokens)
      }
    }
    held[branch] = context
  }

  /// Runs one token of every answer, and of the prompts as many more as there is room for.
  private func append() throws {
    pieces.removeAll(keepingCapacity: true)
    tokens.removeAll(keepingCapacity: true)
    var row = try prefillPrompts()
    let firstRow = row
    var room = AppendPass.tokensPerStep - 1
    for branch in branches.indices { branches[branch]?.takeTokens(&tokens, &room) }
    for branch in branches.indices {
      guard let range = branches[branch]?.tokens, !range.isEmpty else { continue }
      let wantsLogits = branches[branch]!.isWaiting
      pieces.append(
        AppendedTokens(branch: branch, tokens: tokens[range], wantsLogits: wantsLogits))
      guard wantsLogits else { continue }
      branches[branch]!.logitsRow = row
      row += 1
    }
    guard !pieces.isEmpty else { return }
    let vocabulary = session.model.configuration.vocabulary.size
    try session.append.append(pieces, logits: logits.pointer + firstRow * vocabulary)
    if session.sequence.tracesAttention { passageScores += try session.append.passageScores() }
  }

  /// Runs the prompts that are prefilled as a whole, and finds the logits of own contexts without one.
  ///
  /// - Returns: how many rows of logits these have given, the first ones.
  private func prefillPrompts() throws -> Int {
    let (append, vocabulary) = (session.append, session.model.configuration.vocabulary.size)
    var row = 0
    passageScores = []
    for branch in branches.indices {
      guard let begun = branches[branch] else { continue }
      let own = ownTokens(begun.context)
      let rowOfLogits = logits.pointer + row * vocabulary
      if begun.wantsContextLogits {
        try append.lastOwnContextLogits(ofBranch: branch, into: rowOfLogits)
      } else if let prompt = begun.promptToBegin, append.prefillsPrompt(tokens: prompt.count) {
        try append.prefill(
          prompt, branch: branch, behind: session.contextTokens + own, logits: rowOfLogits)
      } else {
        continue
      }
      if session.sequence.tracesAttention {
        passageScores += try append.lastPassageScores(
          (begun.prompt.last ?? own.last)!, branch: branch)
      }
      branches[branch]!.endPrompt(logitsRow: row)
      row += 1
    }
    return row
  }
}
