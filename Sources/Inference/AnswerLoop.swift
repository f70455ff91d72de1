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
/// begun in the order in which they are submitted. A session has one loop at a time, after the
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

  private let session: Session
  /// `[branches]`: what is being answered.
  private var branches: [Branch?]
  /// What all ranks know of and has no branch yet, the oldest first.
  private var waiting: ArraySlice<Branch> = []
  /// On rank 0, what the other ranks have not been told of.
  private var submitted: [Branch] = []
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
  public init(_ session: Session) {
    self.session = session
    let count = session.sequence.branches
    branches = [Branch?](repeating: nil, count: count)
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
    guard question.longest <= room else { throw .tooLong(tokens: question.longest, room: room) }
    defer { count += 1 }
    submitted.append(Branch(prompt: question.prompt, answer: Answer(count, question)))
    return count
  }

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
  ///   that what was under way is given up.
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

  /// Brings new questions to all ranks, where there are any: the lengths of their prompts, and the
  /// prompts.
  private func spreadQuestions() throws {
    let header = message.header.pointee
    guard header.questions > 0 else { return }
    var words = submitted.map { Int32($0.prompt.count) } + submitted.flatMap(\.prompt)
    if session.communicator.rank != 0 {
      words = [Int32](repeating: 0, count: header.questions + header.promptTokens)
    }
    try words.withUnsafeMutableBytes { try session.communicator.broadcast(bytes: $0, from: 0) }
    if session.communicator.rank != 0 {
      var end = header.questions
      submitted = words.prefix(header.questions).map { length in
        let start = end
        end += Int(length)
        return Branch(prompt: Array(words[start..<end]))
      }
    }
    waiting += submitted
    submitted.removeAll(keepingCapacity: true)
  }

  /// Gives the free branches to what waits.
  private func begin() throws {
    for branch in branches.indices where branches[branch] == nil {
      guard var next = waiting.popFirst() else { break }
      if let penalties = next.answer?.penalties {
        next.answer!.begin(
          after: penalties.hasRepetition ? contextHistory : TokenHistory(), next.prompt)
      }
      branches[branch] = next
      session.append.beginBranch(branch)
      if session.sequence.tracesAttention, contextScores == nil, next.prompt.isEmpty {
        contextScores =
          try session.append.lastPassageScores(session.contextTokens.last!, branch: branch)
          .first ?? []
      }
    }
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

  /// Runs the prompts that are prefilled as a whole.
  ///
  /// - Returns: how many rows of logits these have given, the first ones.
  private func prefillPrompts() throws -> Int {
    let vocabulary = session.model.configuration.vocabulary.size
    var row = 0
    passageScores = []
    for branch in branches.indices {
      guard let prompt = branches[branch]?.promptToBegin,
        session.append.prefillsPrompt(tokens: prompt.count)
      else { continue }
      try session.append.prefill(
        prompt, branch: branch, behind: session.contextTokens,
        logits: logits.pointer + row * vocabulary)
      if session.sequence.tracesAttention {
        passageScores += try session.append.lastPassageScores(prompt.last!, branch: branch)
      }
      branches[branch]!.endPrompt(logitsRow: row)
      row += 1
    }
    return row
  }
}

/// A question that waits or is being answered.
private struct Branch {
  let prompt: [Int32]
  /// Rank 0's part.
  var answer: Answer?
  /// How many tokens of the prompt were run.
  private var promptTokensRun = 0
  /// The last token of the answer, until it is run.
  var chosen: Int32?
  /// Which of the step's tokens are its own.
  private(set) var tokens = 0..<0
  /// Which of the step's logits are its own; nil for those of the context.
  var logitsRow: Int?

  init(prompt: [Int32], answer: Answer? = nil) {
    self.prompt = prompt
    self.answer = answer
  }

  /// Whether the next token can be chosen.
  var isWaiting: Bool { chosen == nil && promptTokensRun == prompt.count }

  /// The prompt, if nothing of it was run.
  var promptToBegin: [Int32]? { promptTokensRun == 0 && !prompt.isEmpty ? prompt : nil }

  /// Says that all of the prompt was run.
  mutating func endPrompt(logitsRow row: Int) {
    promptTokensRun = prompt.count
    logitsRow = row
  }

  /// Appends what is to be run next to a step's tokens: one, and as many more as there is room for.
  mutating func takeTokens(_ step: inout [Int32], _ room: inout Int) {
    let start = step.count
    if let token = chosen {
      step.append(token)
      chosen = nil
    } else if promptTokensRun < prompt.count {
      let end = min(prompt.count, promptTokensRun + 1 + room)
      step.append(contentsOf: prompt[promptTokensRun..<end])
      room -= end - promptTokensRun - 1
      promptTokensRun = end
    }
    tokens = start..<step.count
  }
}

/// What only rank 0 knows of a question.
private struct Answer {
  let number: Int
  private let maximumTokens: Int
  private var sampler: Sampler
  private(set) var history = TokenHistory()

  init(_ number: Int, _ question: Question) {
    self.number = number
    maximumTokens = question.maximumTokens
    sampler = Sampler(question.sampling)
  }

  var penalties: TokenPenalties { sampler.parameters.penalties }

  /// What the tokens of the answer come after; with room, so that no token allocates memory.
  mutating func begin(after context: TokenHistory, _ prompt: [Int32]) {
    history = context
    history.see(prompt)
    history.reserve(maximumTokens)
  }

  /// - Parameter ends: the tokens that end a sequence.
  mutating func next(
    _ logits: UnsafeBufferPointer<Float>, _ workspace: inout Sampler.Workspace, ends: Set<Int32>,
    _ onToken: (Int32) throws -> Bool
  ) throws -> StepMessage.Choice {
    guard maximumTokens > 0 else { return .init(token: 0, end: .length) }
    let token = sampler.next(logits, after: history, &workspace)
    history.append(token)
    if ends.contains(token) { return .init(token: token, end: .endOfSequence) }
    if try !onToken(token) { return .init(token: token, end: .stop) }
    return .init(token: token, end: history.answer.count == maximumTokens ? .length : nil)
  }
}
