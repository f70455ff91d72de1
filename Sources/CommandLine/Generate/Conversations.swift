import Foundation
import Ranks

/// Questions about one context, as a chat template renders them with it.
struct Conversations {
  /// What stands before each of the questions.
  let context: String
  /// Each question, and what the template puts behind it.
  let prompts: [String]
  /// What the template leaves out of them.
  let warnings: [String]

  /// - Parameters:
  ///   - questions: one at least.
  ///   - isSaved: whether the context is saved, so that another question must be possible without it.
  /// - Throws: `ChatTemplateError`; `Failure` with 65 if the text before the questions is not the same
  ///   for all, or no text before other questions.
  init(
    _ template: ModelChatTemplate, system: String?, context: String, questions: [QuestionText],
    isSaved: Bool
  ) throws {
    let now = Date()
    var first: String?
    var prompts: [String] = []
    for question in questions {
      let chat = try ChatText(
        template: template, system: system, context: context, prompt: question.chatText(), now: now)
      guard chat.isCutCleanly || !isSaved else { throw Self.uncutTemplate }
      guard chat.context.utf8.elementsEqual((first ?? chat.context).utf8) else {
        throw Failure(
          .badData,
          """
          \(question.place)in the chat template, the text before this question is another than before \
          the first one, so they cannot share it; ask this one by itself with --prompt
          """)
      }
      first = chat.context
      prompts.append(chat.prompt)
    }
    self.context = first!
    self.prompts = prompts
    let omitted = ChatText.omissions(template: template, system: system, now: now)
    // The template may do otherwise with a longer message than with a short one.
    let rendered = self.context + prompts[0]
    func isMissing(_ text: String) -> Bool { !text.isEmpty && !rendered.hasBeginning(of: text) }
    var warnings: [String] = []
    if omitted.context, isMissing(context) { warnings.append(Self.contextOmitted) }
    if omitted.question, isMissing(try questions[0].chatText()) {
      warnings.append(Self.questionOmitted)
    }
    self.warnings = warnings
  }

  static let contextOmitted = "the context is not in the rendered chat, its template leaves it out"
  static let questionOmitted =
    "the question is not in the rendered chat, its template leaves it out"

  private static let uncutTemplate = Failure(
    .badData,
    """
    the chat template does not let context and question be told apart, so no other question could be \
    asked about the saved context; leave out --save or --chat
    """)
}

extension String {
  /// Whether the first characters of `text`, trimmed, stand in this one.
  fileprivate func hasBeginning(of text: String) -> Bool {
    let beginning = String(text.drop { $0.isWhitespace }.unicodeScalars.prefix(100))
      .trimmingCharacters(in: .whitespacesAndNewlines)
    return beginning.isEmpty || Data(utf8).range(of: Data(beginning.utf8)) != nil
  }
}
