import Inference
import Reporting
import Tokenizers

/// Makes answers of what a session says of many questions, and writes each as it is done. Only rank 0
/// uses it.
final class AnswerCollector {
  /// An answer under way.
  private struct Open {
    var answer: Answer
    var digest = LogitsDigest()
  }

  private let questionnaire: Questionnaire
  private let tokenizer: Tokenizer?
  private let display: ProgressDisplay
  private var open: [Int: Open] = [:]
  private var digests: [QuestionID: String] = [:]
  private var promptTokens = 0
  private var generatedTokens = 0
  private var countedTokens = 0

  /// - Parameter tokenizer: nil where the model has none; texts are empty then.
  init(
    _ questionnaire: Questionnaire, tokenizer: Tokenizer? = nil,
    display: ProgressDisplay = ProgressDisplay(style: .silent)
  ) {
    self.questionnaire = questionnaire
    self.tokenizer = tokenizer
    self.display = display
  }

  /// How many questions of the file are answered, those of earlier runs included.
  var answered: Int { questionnaire.answeredBefore + digests.count }

  /// Takes the logits from which the next token of question number `index` is chosen.
  func append(logits: UnsafeBufferPointer<Float>, to index: Int) {
    open[index, default: begin(index)].digest.update(row: logits)
  }

  /// Takes the next token; says whether more are wanted.
  func append(_ token: Int32, to index: Int) throws -> Bool {
    countedTokens += 1
    display.update(completed: Double(digests.count), tokens: countedTokens)
    return try open[index, default: begin(index)].answer.append(token)
  }

  /// Writes the answer.
  ///
  /// - Throws: `Failure` with 74.
  func end(_ index: Int, _ generation: Generation) throws {
    var done = open.removeValue(forKey: index) ?? begin(index)
    try done.answer.finish()
    let question = questionnaire.pending[index]
    let digest = done.digest.hexadecimal
    try questionnaire.answers.append(
      AnswerRecord(
        id: question.id, fingerprint: question.fingerprint, text: done.answer.text,
        tokenIDs: generation.tokens.map(Int.init), finishReason: FinishReason(generation.end),
        tokens: .init(prompt: question.prompt.count, generated: generation.tokens.count),
        logitsDigest: digest))
    digests[question.id] = digest
    promptTokens += question.prompt.count
    generatedTokens += generation.tokens.count
    display.update(completed: Double(digests.count), tokens: countedTokens)
  }

  private func begin(_ index: Int) -> Open {
    let stopTexts = questionnaire.pending[index].parameters.stopTexts
    return Open(answer: Answer(tokenizer: tokenizer, stopTexts: stopTexts, streams: false))
  }

  /// What they come to, once all questions are answered.
  var outcome: RunOutcome {
    RunOutcome(
      finishReason: .questions,
      questions: .init(
        asked: questionnaire.asked, answeredBefore: questionnaire.answeredBefore,
        answered: digests.count),
      promptTokens: promptTokens, generatedTokens: generatedTokens,
      logitsDigest: questionnaire.digest(with: digests))
  }
}
