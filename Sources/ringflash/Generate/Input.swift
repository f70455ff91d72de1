import ContextFiles
import Inference
import Reporting

/// The token ids of the context and the prompt.
struct Input {
  let context: [Int32]
  let prompt: [Int32]
  /// On rank 0: how a chat template rendered the context, nil where none did.
  let chat: ContextDescription.Chat?

  init(context: [Int32], prompt: [Int32], chat: ContextDescription.Chat? = nil) {
    self.context = context
    self.prompt = prompt
    self.chat = chat
  }

  /// Reads and tokenizes both, apart from each other. What the tokenizer puts before a text, such as
  /// a token that begins a sequence, goes before the context; a chat template has its own.
  ///
  /// - Throws: `Failure`, `TokenizerError`, `JSONError`, `ModelFileError`, `ChatTemplateError`.
  init(_ settings: GenerateSettings, _ loaded: LoadedModel, display: ProgressDisplay) throws {
    let question = try Self.text(of: settings.prompt)
    if settings.chat, case .text(let path) = settings.context {
      let text = try ChatText(
        template: ModelChatTemplate(model: settings.model), system: settings.system,
        context: ContextReader.context(path: path), prompt: question)
      guard text.isCutCleanly || settings.save == nil else { throw Self.uncutTemplate }
      context = try loaded.encode(text.context, at: .completeBeginning, display: display)
      prompt = try loaded.encode(text.prompt, at: .end, display: display)
      chat = .init(system: settings.system, separated: !question.isEmpty)
    } else if case .saved(let path) = settings.context,
      let saved = settings.restored?.description.chat
    {
      chat = saved
      context = try ContextDirectory(path: path).readTokens(settings.restored!)
      let text = try ChatText.continuation(
        template: ModelChatTemplate(model: settings.model), system: saved.system,
        prompt: question, isSeparated: saved.separated)
      prompt = try loaded.encode(text, at: .end, display: display)
    } else {
      chat = nil
      context = try Self.context(settings, loaded, display: display)
      prompt =
        try settings.prompt == nil
        ? [] : loaded.encode(question, at: .end, display: display)
    }
    try Self.check(context, of: "the context", loaded)
    try Self.check(prompt, of: "the prompt", loaded)
  }

  static let uncutTemplate = Failure(
    .badData,
    """
    the chat template does not let context and question be told apart, so no other question could be \
    asked about the saved context; leave out --save or --chat
    """)

  /// The context's token ids, without a chat template or from a saved context.
  ///
  /// - Throws: `Failure`, `TokenizerError`, `JSONError`, `ModelFileError`.
  static func context(
    _ settings: GenerateSettings, _ loaded: LoadedModel, display: ProgressDisplay
  ) throws -> [Int32] {
    switch settings.context {
    case .text(let path):
      try loaded.encode(ContextReader.context(path: path), at: .bareBeginning, display: display)
    case .tokenIds(let path): try ContextReader.tokenIds(path: path)
    case .saved(let path): try ContextDirectory(path: path).readTokens(settings.restored!)
    }
  }

  /// - Parameter role: whose the ids are, for messages.
  /// - Throws: 65 if the vocabulary does not have them all.
  static func check(_ ids: [Int32], of role: String, _ loaded: LoadedModel) throws(Failure) {
    let vocabulary = loaded.outline.configuration.vocabularySize
    guard let index = ids.firstIndex(where: { $0 < 0 || Int($0) >= vocabulary }) else { return }
    throw Failure(
      .badData,
      """
      \(role)'s token \(index) is \(ids[index]), the vocabulary of '\(loaded.outline.name)' has \
      the ids 0 to \(vocabulary - 1)
      """)
  }

  private static func text(of prompt: GenerateSettings.Prompt?) throws(Failure) -> String {
    switch prompt {
    case .text(let text): text
    case .file(let path): try ContextReader.prompt(path: path)
    case nil: ""
    }
  }
}
