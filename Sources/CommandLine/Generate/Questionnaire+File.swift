import Digests
import Inference
import Ranks
import Reporting
import Tokenizers

extension Questionnaire {
  /// The questions of a file that have no answer yet. The answers that are there are compared with
  /// their questions.
  ///
  /// - Parameters:
  ///   - input: the file's prompts, and the context.
  ///   - suggestions: what the model's makers suggest.
  /// - Throws: 65 for an answer to something else; `TokenizerError` for an empty stop text.
  init(
    _ files: QuestionFiles, _ input: TokenizedInput, _ settings: GenerateSettings,
    _ run: RunDescription, suggestions: GenerationChoices
  ) throws {
    let fingerprint = QuestionFingerprint(
      context: input.context, model: run.modelIdentity,
      endOfSequenceTokens: run.model.endOfSequenceTokens, numerics: settings.numerics,
      instructionSet: run.arithmetic.instructionSet, rotatedAs: run.rotationTokens)
    let common = GenerationParameters(flags: settings.generation, model: suggestions)
    let stopTexts = try StopTexts(common.stopTexts)
    var entries: [Entry] = []
    var pending: [FileAnswers.Pending] = []
    let own = input.ownContexts
    for index in Self.order(own.ofQuestion) {
      let (question, prompt) = (files.prompts.questions[index], input.prompts[index])
      let context = own.ofQuestion[index]
      let ownTokens = context.map { own.entries[$0].tokens }
      let parameters = GenerationParameters(
        flags: question.choices, file: settings.generation, model: suggestions)
      let known = try fingerprint.text(
        ownContext: ownTokens, prompt: prompt, parameters: parameters)
      guard let earlier = files.answers.earlier.entries[question.id] else {
        let ownStops = try question.choices.stopTexts.map(StopTexts.init)
        entries.append(
          Entry(
            own: context.map { ($0, ownTokens!.count) }, prompt: prompt, parameters,
            ownStops ?? stopTexts))
        pending.append(
          FileAnswers.Pending(
            id: question.id, fingerprint: known, ownContextTokens: ownTokens?.count))
        continue
      }
      guard earlier.fingerprint == known else {
        throw Failure(
          .badData,
          """
          \(files.answersName):\(earlier.line): this answers \(question.id) of another context, model, \
          precision, instruction set or question, or with other options; give another --answers FILE, \
          or remove the line to have it answered again
          """)
      }
    }
    self.entries = entries
    receiver = FileAnswers(files, pending: pending, sampling: common.sampling)
  }

  /// The order in which questions are asked: that of the file, but those with the same own context one after
  /// the other, so that it is there when the next one wants it.
  ///
  /// - Parameter contexts: `[questions]`: the number of each one's own context.
  private static func order(_ contexts: [Int?]) -> [Int] {
    var first: [Int: Int] = [:]
    let places = contexts.enumerated().map { index, context in
      guard let context else { return index }
      first[context] = first[context] ?? index
      return first[context]!
    }
    return contexts.indices.sorted { (places[$0], $0) < (places[$1], $1) }
  }
}

/// Writes the answers to a file of questions, each when it is done.
private final class FileAnswers: AnswerReceiver {
  struct Pending {
    let id: QuestionID
    let fingerprint: String
    /// Nil where it has none.
    let ownContextTokens: Int?
  }

  let streams = false
  private let files: QuestionFiles
  private let pending: [Pending]
  private let sampling: SamplingParameters
  private var digests: [QuestionID: String] = [:]
  private var promptTokens = 0
  private var generatedTokens = 0

  init(_ files: QuestionFiles, pending: [Pending], sampling: SamplingParameters) {
    self.files = files
    self.pending = pending
    self.sampling = sampling
  }

  private var asked: Int { files.prompts.questions.count }
  private var answeredBefore: Int { files.answers.earlier.entries.count }

  func begin() throws { try files.answers.begin() }

  func receive(logits: UnsafeBufferPointer<Float>) {}

  func receive(_ answer: FinishedAnswer, to index: Int) throws {
    let (id, tokens) = (pending[index].id, answer.generation.tokens)
    try files.answers.append(
      AnswerRecord(
        id: id, fingerprint: pending[index].fingerprint, text: answer.text,
        tokenIDs: tokens.map(Int.init), finishReason: FinishReason(answer.generation.end),
        tokens: .init(
          context: pending[index].ownContextTokens, prompt: answer.promptTokens,
          generated: tokens.count),
        logitsDigest: answer.logitsDigest, sources: answer.sources?.answer))
    digests[id] = answer.logitsDigest
    promptTokens += answer.promptTokens
    generatedTokens += tokens.count
  }

  func outcome(contextTokens: Int) -> RunRecord.Answer {
    var outcome = RunRecord.Answer(
      finishReason: .questions, seed: sampling.seed,
      questions: .init(asked: asked, answeredBefore: answeredBefore, answered: digests.count),
      tokens: .init(context: contextTokens, prompt: promptTokens, generated: generatedTokens),
      logitsDigest: digest)
    outcome.sampling = .init(sampling)
    return outcome
  }

  /// Of the answers to the whole file.
  private var digest: String {
    var digest = SHA256()
    for question in files.prompts.questions {
      let text =
        digests[question.id] ?? files.answers.earlier.entries[question.id]?.logitsDigest
      guard let text else { preconditionFailure("question \(question.id) has no answer") }
      digest.update(text)
    }
    return digest.checksum.hexadecimal
  }

  func interrupted(by cause: String, contextIn folder: String?) -> Failure {
    let count = "\(answeredBefore + digests.count) of \(asked) questions are answered"
    let again =
      folder.map { "give --resume \($0) and the same questions" }
      ?? "start again with the same options"
    guard !files.answersName.isEmpty else {
      return Failure(
        .interrupted,
        "interrupted by \(cause): \(count); \(again) and --answers FILE, which a further job goes on"
      )
    }
    return Failure(
      .interrupted, "interrupted by \(cause): \(count) in \(files.answersName); \(again) to go on")
  }
}
