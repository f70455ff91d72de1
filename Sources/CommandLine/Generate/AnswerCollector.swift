import Inference
import Reporting
import RingAttention
import Tokenizers

/// Makes answers of what an answer loop says of the entries of a questionnaire. Only rank 0 uses it.
final class AnswerCollector {
  /// An answer under way.
  private struct Open {
    var answer: AnswerText
    var digest = LogitsDigest()
    var tokens = 0
  }

  private let questionnaire: Questionnaire
  private let tokenizer: Tokenizer?
  private let display: ProgressDisplay
  private let sources: SourceFinder?
  private var open: [Int: Open] = [:]
  private var finished = 0
  private var generatedTokens = 0
  /// How many tokens were chosen from logits of which some are not finite, and where the first is.
  private var nonFinite: (tokens: Int, first: String) = (0, "")
  /// When the first logits came; nil before.
  private(set) var firstLogits: ContinuousClock.Instant?

  /// - Parameters:
  ///   - tokenizer: nil where the model has none; texts are empty then.
  ///   - sources: nil where nobody asks where answers come from.
  init(
    _ questionnaire: Questionnaire, tokenizer: Tokenizer?, display: ProgressDisplay,
    sources: SourceFinder?
  ) {
    self.questionnaire = questionnaire
    self.tokenizer = tokenizer
    self.display = display
    self.sources = sources
  }

  /// Takes the logits from which the next token of the answer to entry number `index` is chosen.
  ///
  /// - Throws: `Failure` with 74.
  func receive(logits: UnsafeBufferPointer<Float>, of index: Int) throws {
    if firstLogits == nil { firstLogits = .now }
    if logits.contains(where: { !$0.isFinite }) { countNonFinite(index) }
    open[index, default: begin(index)].digest.update(row: logits)
    try questionnaire.receiver.receive(logits: logits)
  }

  /// Takes what of the context that token comes from.
  func receive(_ scores: [PassageScore], of index: Int) { sources?.receive(scores, of: index) }

  private func countNonFinite(_ index: Int) {
    nonFinite.tokens += 1
    guard nonFinite.tokens == 1 else { return }
    let token = (open[index]?.tokens ?? 0) + 1
    let answers = questionnaire.entries.count
    nonFinite.first = "token \(token) of \(answers == 1 ? "the answer" : "answer \(index + 1)")"
  }

  /// What is wrong with the logits so far, in one sentence without a full stop; nil for nothing.
  var warning: String? {
    guard nonFinite.tokens > 0 else { return nil }
    return """
      the logits of \(nonFinite.tokens) token\(nonFinite.tokens == 1 ? "" : "s") are not finite, \
      first those of \(nonFinite.first): the answers mean nothing; check the model's weights
      """
  }

  /// Takes the next token; says whether more are wanted.
  ///
  /// - Throws: `Failure` with 74.
  func receive(_ token: Int32, of index: Int) throws -> Bool {
    generatedTokens += 1
    display.update(completed: Double(finished), tokens: generatedTokens)
    open[index, default: begin(index)].tokens += 1
    sources?.countToken(of: index)
    return try open[index]!.answer.append(token)
  }

  /// Hands on the answer.
  ///
  /// - Throws: `Failure` with 74.
  func end(_ index: Int, _ generation: Generation) throws {
    var done = open.removeValue(forKey: index) ?? begin(index)
    try done.answer.finish()
    try questionnaire.receiver.receive(
      FinishedAnswer(
        text: done.answer.text, generation: generation,
        promptTokens: questionnaire.entries[index].question.prompt.count,
        logitsDigest: done.digest.hexadecimal, sources: sources?.end(index)), to: index)
    finished += 1
    display.update(completed: Double(finished), tokens: generatedTokens)
  }

  private func begin(_ index: Int) -> Open {
    Open(
      answer: AnswerText(
        tokenizer: tokenizer, stopTexts: questionnaire.entries[index].stopTexts,
        streams: questionnaire.receiver.streams))
  }
}
