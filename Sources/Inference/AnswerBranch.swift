import Transformer

/// A question that waits or is being answered.
struct AnswerBranch {
  /// The number of its own context; nil for none.
  let context: Int?
  let prompt: [Int32]
  /// Rank 0's part.
  var answer: BranchAnswer?
  /// How many tokens of the prompt were run.
  private var promptTokensRun = 0
  /// The last token of the answer, until it is run.
  var chosen: Int32?
  /// Which of the step's tokens are its own.
  private(set) var tokens = 0..<0
  /// Which of the step's logits are its own; nil for those of the context.
  var logitsRow: Int?

  init(context: Int?, prompt: [Int32], answer: BranchAnswer? = nil) {
    self.context = context
    self.prompt = prompt
    self.answer = answer
  }

  /// Whether the next token can be chosen.
  var isWaiting: Bool { chosen == nil && promptTokensRun == prompt.count }

  /// The prompt, if nothing of it was run.
  var promptToBegin: [Int32]? { promptTokensRun == 0 && !prompt.isEmpty ? prompt : nil }

  /// Whether the first token is chosen from the logits of its own context, which are not there yet.
  var wantsContextLogits: Bool { context != nil && prompt.isEmpty && logitsRow == nil }

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
struct BranchAnswer {
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
  mutating func begin(after context: TokenHistory, _ own: [Int32], _ prompt: [Int32]) {
    history = context
    history.see(own)
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
