import Inference
import Reporting
import Tokenizers

/// Makes answers of what an answer loop says of the entries of a questionnaire. Only rank 0 uses it.
final class AnswerCollector {
  /// An answer under way.
  private struct Open {
    var answer: AnswerText
    var digest = LogitsDigest()
  }

  private let questionnaire: Questionnaire
  private let tokenizer: Tokenizer?
  private let display: ProgressDisplay
  private var open: [Int: Open] = [:]
  private var finished = 0
  private var generatedTokens = 0
  /// When the first logits came; nil before.
  private(set) var firstLogits: ContinuousClock.Instant?

  /// - Parameter tokenizer: nil where the model has none; texts are empty then.
  init(_ questionnaire: Questionnaire, tokenizer: Tokenizer?, display: ProgressDisplay) {
    self.questionnaire = questionnaire
    self.tokenizer = tokenizer
    self.display = display
  }

  /// Takes the logits from which the next token of the answer to entry number `index` is chosen.
  ///
  /// - Throws: `Failure` with 74.
  func receive(logits: UnsafeBufferPointer<Float>, of index: Int) throws {
    if firstLogits == nil { firstLogits = .now }
    open[index, default: begin(index)].digest.update(row: logits)
    try questionnaire.receiver.receive(logits: logits)
  }

  /// Takes the next token; says whether more are wanted.
  ///
  /// - Throws: `Failure` with 74.
  func receive(_ token: Int32, of index: Int) throws -> Bool {
    generatedTokens += 1
    display.update(completed: Double(finished), tokens: generatedTokens)
    return try open[index, default: begin(index)].answer.append(token)
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
        logitsDigest: done.digest.hexadecimal), to: index)
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
