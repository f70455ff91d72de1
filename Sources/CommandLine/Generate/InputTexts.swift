import ContextFiles
import Foundation
import Ranks

/// What is read of the context and of what is asked about it, before it is tokenized: as it stands in
/// files and options, or as a chat template renders it.
struct InputTexts {
  enum Piece {
    case text(String, TextPlace)
    case tokenIDs([Int32])
  }

  let context: Piece
  /// What goes on behind it, in this order.
  let appended: [Piece]
  /// Of each question, with its own context, and what messages call it and begin with.
  let prompts: [(own: QuestionText.Own?, piece: Piece, name: String, place: String)]
  /// How a chat template rendered the context, nil where none did.
  let chat: ContextDescription.Chat?
  /// What of it the chat template leaves out.
  let warnings: [String]
  /// What the context file has; nil where it is no text.
  let contextFile: String?

  /// Reads context and questions, which are tokenized apart from each other. What the tokenizer puts
  /// before a text, such as a token that begins a sequence, goes before the context; a chat template has
  /// its own.
  ///
  /// - Parameter file: the questions; nil for the one of `settings.prompt`, or none.
  /// - Throws: `Failure`, `FileError`, `JSONError`, `ChatTemplateError`.
  init(_ settings: GenerateSettings, _ file: PromptsFile?) throws {
    let questions = try file.map(QuestionText.all) ?? [QuestionText(settings.prompt)]
    if settings.chat, case .text(let path) = settings.context {
      try self.init(settings, contextPath: path, questions)
    } else if case .messages(let path) = settings.context {
      try self.init(settings, messagesPath: path, questions)
    } else if let chat = settings.restored?.description.chat {
      try self.init(settings, following: chat, questions)
    } else {
      self.init(
        try Self.context(settings), appended: try Self.appended(settings), questions)
    }
  }

  /// A question by itself, as it stands behind some context.
  init(_ question: QuestionText) {
    self.init(.tokenIDs([]), [question])
  }

  /// What no chat template renders.
  private init(_ context: Piece, appended: [Piece] = [], _ questions: [QuestionText]) {
    self.context = context
    self.appended = appended
    prompts = questions.map { ($0.own, $0.piece, $0.name, $0.place) }
    (chat, warnings) = (nil, [])
    if case .text(let text, _) = context { contextFile = text } else { contextFile = nil }
  }

  /// A conversation that a chat template renders.
  private init(
    _ settings: GenerateSettings, contextPath: String, _ questions: [QuestionText]
  ) throws {
    let variables = settings.templateVariables
    let template = try ModelChatTemplate(of: settings.model, variables)
    let file = try ContextReader.context(path: contextPath)
    contextFile = file
    let conversations = try Conversations(
      template, system: settings.system, context: file, questions: questions,
      isSaved: settings.save != nil)
    context = .text(conversations.context, .completeBeginning)
    appended = []
    prompts = zip(conversations.prompts, questions).map {
      ($1.own, .text($0, .end), $1.name, $1.place)
    }
    chat = .init(
      system: settings.system, separated: try !questions[0].message().isEmpty,
      variables: variables.isEmpty
        ? nil : Dictionary(uniqueKeysWithValues: variables.map { ($0.name, $0.value) }))
    warnings = conversations.warnings
  }

  /// A conversation of which nothing is asked but its last message; all of it is context.
  private init(
    _ settings: GenerateSettings, messagesPath: String, _ questions: [QuestionText]
  ) throws {
    let template = try ModelChatTemplate(of: settings.model, settings.templateVariables)
    let conversation = try MessagesFile(path: messagesPath).rendered(by: template, now: Date())
    context = .text(conversation.text, .completeBeginning)
    appended = []
    prompts = questions.map { ($0.own, $0.piece, $0.name, $0.place) }
    (chat, contextFile) = (nil, nil)
    warnings = settings.cache == nil ? [] : [conversation.changeOfEarlierTurns].compactMap { $0 }
  }

  /// Questions about a context that was rendered before.
  private init(
    _ settings: GenerateSettings, following chat: ContextDescription.Chat,
    _ questions: [QuestionText]
  ) throws {
    let template = try ModelChatTemplate(
      of: settings.model,
      (chat.variables ?? [:]).map { TemplateVariable(name: $0.key, value: $0.value) })
    let now = Date()
    context = try Self.context(settings)
    appended = try Self.appended(settings)
    var chat = chat
    // Behind it stands a text that does not end with a blank line.
    if !appended.isEmpty { chat.separated = false }
    prompts = try questions.map { [chat] question in
      let text = try ChatText.continuation(
        template: template, system: chat.system, prompt: question.chatText(),
        isSeparated: chat.separated && question.ownChatText().isEmpty, now: now)
      return (question.own, .text(text, .end), question.name, question.place)
    }
    self.chat = chat
    contextFile = nil
    let omitted = ChatText.omissions(template: template, system: chat.system, now: now).question
    let isAsked = try !questions[0].chatText().isEmpty
    warnings = omitted && isAsked ? [Conversations.questionOmitted] : []
  }

  /// The context as it is, or what is saved of it.
  private static func context(_ settings: GenerateSettings) throws -> Piece {
    switch settings.context {
    case .text(let path): .text(try ContextReader.context(path: path), .bareBeginning)
    case .tokenIds(let path): .tokenIDs(try ContextReader.tokenIds(path: path))
    case .messages: preconditionFailure("a chat template renders messages")
    case .saved(let path):
      .tokenIDs(try ContextDirectory(path: path).readTokens(settings.restored!))
    }
  }

  private static func appended(_ settings: GenerateSettings) throws -> [Piece] {
    try settings.appended.map {
      switch $0 {
      case .text(let path): .text(try ContextReader.appended(path: path), .end)
      case .tokenIds(let path): .tokenIDs(try ContextReader.tokenIds(path: path))
      }
    }
  }

  /// The context's text and the first prompt's, as far as they are texts.
  var text: String {
    ([context] + appended + [prompts[0].piece]).map {
      if case .text(let text, _) = $0 { text } else { "" }
    }
    .joined()
  }
}
