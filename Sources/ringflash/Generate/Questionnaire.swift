import ContextFiles
import Digests
import Foundation
import Inference
import ModelFiles
import Reporting

/// The questions of `--prompts`, from the file to the tokens of those that are still to be answered.
/// Only rank 0 has it.
final class Questionnaire {
  /// A question that has no answer yet.
  struct Pending {
    let id: QuestionID
    let prompt: [Int32]
    let parameters: GenerationParameters
    let fingerprint: String
  }

  let answers: AnswersFile
  private let file: PromptsFile
  /// The tokens of each question of the file, once they are read.
  private var prompts: [[Int32]] = []
  private(set) var pending: [Pending] = []

  /// The prompts file, as messages call it.
  var name: String { file.name }
  var asked: Int { file.questions.count }
  var answeredBefore: Int { answers.earlier.entries.count }

  /// Reads both files, as far as they can be judged without a model.
  ///
  /// - Throws: `Failure`, as `PromptsFile` and `AnswersFile`; 65 for an answer to what is not asked.
  init(_ settings: QuestionSettings) throws(Failure) {
    file = try PromptsFile(path: settings.prompts)
    answers = try AnswersFile(path: settings.answers)
    let ids = Set(file.questions.map(\.id))
    let strangers = answers.earlier.entries.filter { !ids.contains($0.key) }
    if let (id, entry) = strangers.min(by: { $0.value.line < $1.value.line }) {
      throw Failure(
        .badData,
        """
        \(settings.answers ?? ""):\(entry.line): this answers \(id), which \(file.name) does not \
        ask; give the prompts file that it belongs to, or another --answers FILE
        """)
    }
  }

  // MARK: - Tokens

  /// Reads and tokenizes the context and all questions, apart from each other as `Input` does with a
  /// prompt; the questions stay here.
  ///
  /// - Throws: as `Input`.
  func read(
    _ settings: GenerateSettings, _ loaded: LoadedModel, display: ProgressDisplay
  ) throws -> Input {
    let context: [Int32]
    var chat: ContextDescription.Chat?
    if settings.chat, case .text(let path) = settings.context {
      chat = .init(system: settings.system, separated: file.questions[0].prompt != .text(""))
      context = try readConversations(
        settings, loaded, context: ContextReader.context(path: path), display: display)
    } else if case .saved = settings.context, let saved = settings.restored?.description.chat {
      chat = saved
      context = try Input.context(settings, loaded, display: display)
      try readContinuations(settings, loaded, saved, display: display)
    } else {
      context = try Input.context(settings, loaded, display: display)
      prompts = try file.questions.map { question in
        switch question.prompt {
        case .text(let text): try loaded.encode(text, at: .end, display: display)
        case .tokenIDs(let ids): ids
        }
      }
    }
    try Input.check(context, of: "the context", loaded)
    for (question, prompt) in zip(file.questions, prompts) {
      try Input.check(prompt, of: "\(file.name):\(question.line): the question", loaded)
    }
    return Input(context: context, prompt: [], chat: chat)
  }

  /// Puts each question into the chat template of a saved context.
  private func readContinuations(
    _ settings: GenerateSettings, _ loaded: LoadedModel, _ chat: ContextDescription.Chat,
    display: ProgressDisplay
  ) throws {
    let template = try ModelChatTemplate(model: settings.model)
    let now = Date()
    prompts = try file.questions.map { question in
      let text = try ChatText.continuation(
        template: template, system: chat.system, prompt: text(of: question),
        isSeparated: chat.separated, now: now)
      return try loaded.encode(text, at: .end, display: display)
    }
  }

  /// A question for a chat template.
  private func text(of question: PromptLine) throws(Failure) -> String {
    guard case .text(let text) = question.prompt else {
      throw Failure(
        .badData,
        """
        \(file.name):\(question.line): "token_ids" have no place in a chat template; give "prompt", \
        or a context that is no chat
        """)
    }
    return text
  }

  /// Puts each question into the chat template, behind the same context; its tokens.
  private func readConversations(
    _ settings: GenerateSettings, _ loaded: LoadedModel, context: String, display: ProgressDisplay
  ) throws -> [Int32] {
    let template = try ModelChatTemplate(model: settings.model)
    let now = Date()
    var first = ""
    for question in file.questions {
      let chat = try ChatText(
        template: template, system: settings.system, context: context, prompt: text(of: question),
        now: now)
      guard chat.isCutCleanly || settings.save == nil else { throw Input.uncutTemplate }
      if prompts.isEmpty { first = chat.context }
      guard chat.context.utf8.elementsEqual(first.utf8) else {
        throw Failure(
          .badData,
          """
          \(file.name):\(question.line): in the chat template, the text before this question is \
          another than before the first one, so they cannot share it; ask this one by itself with \
          --prompt
          """)
      }
      prompts.append(try loaded.encode(chat.prompt, at: .end, display: display))
    }
    return try loaded.encode(first, at: .completeBeginning, display: display)
  }

  // MARK: - What is left to answer

  /// Compares the answers that are there with the questions, and keeps the questions without one.
  ///
  /// - Parameters:
  ///   - context: token ids; `suggestions`: what the model's makers suggest.
  /// - Throws: 65 for an answer to something else.
  func prepare(
    _ settings: GenerateSettings, model: ModelOutline, context: [Int32],
    suggestions: GenerationChoices
  ) throws {
    let fingerprint = try QuestionFingerprint(
      context: context, model: Self.known(model), randomWeights: settings.randomWeights,
      precision: settings.precision)
    for (question, prompt) in zip(file.questions, prompts) {
      let parameters = GenerationParameters(
        flags: question.choices, file: settings.generation, model: suggestions)
      let own = try fingerprint.text(prompt: prompt, parameters: parameters)
      guard let entry = answers.earlier.entries[question.id] else {
        pending.append(
          Pending(id: question.id, prompt: prompt, parameters: parameters, fingerprint: own))
        continue
      }
      guard entry.fingerprint == own else {
        throw Failure(
          .badData,
          """
          \(settings.questions?.answers ?? ""):\(entry.line): this answers \(question.id) of another \
          context, model, precision or question, or with other options; give another --answers FILE, \
          or remove the line to have it answered again
          """)
      }
    }
  }

  /// By what the model is known again: where it is and its configuration. Its weights are not read
  /// for it, because there may be nothing left to answer.
  private static func known(_ model: ModelOutline) throws -> String {
    guard model.name != GenerateSettings.builtInModel else { return model.name }
    let configuration = try FileReader.bytes(
      of: "\(model.name)/config.json", as: "configuration")
    let checksum = configuration.withUnsafeBytes { Checksum(of: $0) }
    return "\(ModelLocation.absolute(model.name)) \(checksum.hexadecimal)"
  }

  /// What the session is told of the pending questions.
  var sessionQuestions: [Question] {
    pending.map { question in
      let parameters = question.parameters
      return Question(
        prompt: question.prompt, maximumTokens: parameters.maxTokens,
        sampling: SamplingParameters(
          temperature: parameters.temperature, topK: parameters.topK, topP: parameters.topP,
          seed: parameters.seed))
    }
  }

  /// The digest of the answers of the whole file, of which `digests` are new; each has to be there.
  func digest(with digests: [QuestionID: String]) -> String {
    var digest = SHA256()
    for question in file.questions {
      let text = digests[question.id] ?? answers.earlier.entries[question.id]?.logitsDigest
      guard let text else { preconditionFailure("question \(question.id) has no answer") }
      digest.update(text)
    }
    return digest.checksum.hexadecimal
  }
}
