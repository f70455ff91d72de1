import Foundation
import Ranks

/// Questions about one context, as a chat template renders them with it.
struct Conversations {
  /// What stands before each of the questions.
  let context: String
  /// Each question, and what the template puts behind it; of one with a context of its own, what stands
  /// behind that.
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
    var first: ChatText?
    var prompts: [String] = []
    for question in questions {
      let chat = try ChatText(
        template: template, system: system, context: context, prompt: question.message(), now: now)
      guard chat.isCutCleanly || !isSaved else { throw Self.uncutTemplate }
      guard chat.context.utf8.elementsEqual((first ?? chat).context.utf8) else {
        throw Failure(
          .badData,
          """
          \(question.place)in the chat template, the text before this question is another than before \
          the first one, so they cannot share it; ask this one by itself with --prompt
          """)
      }
      first = first ?? chat
      let own = try question.ownChatText().utf8
      guard chat.prompt.utf8.starts(with: own) else {
        throw Failure(
          .badData,
          """
          \(question.place)the chat template changes the "context" of this question, so nothing can go on \
          behind it; put it before the question in "prompt"
          """)
      }
      prompts.append(String(decoding: chat.prompt.utf8.dropFirst(own.count), as: UTF8.self))
    }
    self.context = first!.context
    self.prompts = prompts
    let question = try questions[0].message()
    let omitted = ChatText.omissions(template: template, system: system, now: now)
    // The template may do otherwise with a longer message than with a short one, so it has to render the
    // same for another text as long as this one.
    let rendered = self.context + first!.prompt
    func isRendered(_ context: String, _ question: String) -> Bool {
      let other = try? template.render(
        system: system, user: ChatText.message(context, question), now: now)
      return other?.utf8.elementsEqual(rendered.utf8) ?? false
    }
    var warnings: [String] = []
    if omitted.context, isRendered(context.replaced, question) {
      warnings.append(Self.contextOmitted)
    }
    if omitted.question, !question.isEmpty, isRendered(context, question.replaced) {
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
  /// Another text of this length.
  fileprivate var replaced: String {
    String(repeating: hasPrefix("x") ? "y" : "x", count: count)
  }
}
