import ContextFiles
import Foundation
import Inference
import JSON
import Ranks
import Reporting

/// The token ids of the context, and of what is asked about it.
struct TokenizedInput {
  /// On every rank.
  var context: [Int32]
  /// On rank 0, of each question.
  let prompts: [[Int32]]
  /// On rank 0: how a chat template rendered the context, nil where none did.
  let chat: ContextDescription.Chat?

  /// For the ranks that read nothing.
  init() {
    (context, prompts, chat) = ([], [], nil)
  }

  /// Reads and tokenizes context and questions, apart from each other. What the tokenizer puts before
  /// a text, such as a token that begins a sequence, goes before the context; a chat template has its
  /// own.
  ///
  /// - Parameter file: the questions; nil for the one of `settings.prompt`, or none.
  /// - Throws: `Failure`, `TokenizerError`, `JSONError`, `FileError`, `ChatTemplateError`.
  init(
    _ settings: GenerateSettings, _ outlined: OutlinedModel, _ file: PromptsFile?,
    display: ProgressDisplay
  ) throws {
    let questions = try file.map(QuestionText.all) ?? [QuestionText(settings.prompt)]
    if settings.chat, case .text(let path) = settings.context {
      let conversations = try Conversations(
        ModelChatTemplate(of: settings.model), system: settings.system,
        context: ContextReader.context(path: path), questions: questions,
        isSaved: settings.save != nil)
      context = try outlined.encode(conversations.context, at: .completeBeginning, display: display)
      prompts = try conversations.prompts.map {
        try outlined.encode($0, at: .end, display: display)
      }
      chat = .init(system: settings.system, separated: try !questions[0].chatText().isEmpty)
    } else {
      chat = settings.restored?.description.chat
      context = try Self.context(settings, outlined, display: display)
      if let chat {
        let template = try ModelChatTemplate(of: settings.model)
        let now = Date()
        prompts = try questions.map { question in
          let text = try ChatText.continuation(
            template: template, system: chat.system, prompt: question.chatText(),
            isSeparated: chat.separated, now: now)
          return try outlined.encode(text, at: .end, display: display)
        }
      } else {
        prompts = try questions.map { try $0.tokens(outlined, display: display) }
      }
    }
    try Self.check(context, of: "the context", outlined)
    for (question, prompt) in zip(questions, prompts) {
      try Self.check(prompt, of: question.name, outlined)
    }
  }

  /// The context's token ids, without a chat template or from a saved context.
  ///
  /// - Throws: `Failure`, `TokenizerError`, `JSONError`, `FileError`.
  private static func context(
    _ settings: GenerateSettings, _ outlined: OutlinedModel, display: ProgressDisplay
  ) throws -> [Int32] {
    switch settings.context {
    case .text(let path):
      try outlined.encode(ContextReader.context(path: path), at: .bareBeginning, display: display)
    case .tokenIds(let path): try ContextReader.tokenIds(path: path)
    case .saved(let path): try ContextDirectory(path: path).readTokens(settings.restored!)
    }
  }

  /// - Parameter role: whose the ids are, for messages.
  /// - Throws: 65 if the vocabulary does not have them all.
  private static func check(
    _ ids: [Int32], of role: String, _ outlined: OutlinedModel
  ) throws(Failure) {
    let vocabulary = outlined.outline.configuration.vocabulary.size
    guard let index = ids.firstIndex(where: { $0 < 0 || Int($0) >= vocabulary }) else { return }
    throw Failure(
      .badData,
      """
      \(role)'s token \(index) is \(ids[index]), the vocabulary of '\(outlined.outline.name)' has \
      the ids 0 to \(vocabulary - 1)
      """)
  }
}
