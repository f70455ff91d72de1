import ChatTemplates
import Foundation
import Ranks

/// A conversation as its chat template renders it, cut in two: what is prefilled, and what is
/// appended.
///
/// The user's message is the context, a blank line and the question, or the context alone. The
/// two parts together are the exact rendering of that message, whatever the template does with it.
/// The cut is to stand before the question (without one, behind the context), so that another
/// question about the same context finds the same first part. Where that is in the rendered text,
/// the template alone knows: it may trim the message, repeat it, or look into it. So it renders a
/// second conversation, in which a short mark stands for context and blank line. What follows the
/// mark there is the question and the end of the conversation; if the exact rendering ends with
/// the same text, the cut is before that. If it does not (the template measures the message, say),
/// the cut is before the last place of the question. If there is none either, all is context.
package struct ChatText: Equatable {
  /// Never empty.
  package let context: String
  /// The question and what the template puts behind it; it may be empty.
  package let prompt: String
  /// Whether what follows the context is the same for every other context, so that a later question
  /// about a saved one can be rendered without it.
  package let isCutCleanly: Bool

  /// - Parameters:
  ///   - context: not empty.
  ///   - prompt: the question; empty for none.
  /// - Throws: `ChatTemplateError`; `Failure` with 65 if the template renders nothing.
  package init(
    template: ModelChatTemplate, system: String?, context: String, prompt: String,
    now: Date = Date()
  ) throws {
    let exact = [UInt8](
      try template.render(system: system, user: Self.message(context, prompt), now: now).utf8)
    guard !exact.isEmpty else {
      throw Failure(
        .badData, "the chat template renders the conversation as nothing; run without --chat")
    }
    let mark = Self.mark(notIn: exact)
    // A template may refuse the mark and take the context.
    let marked = try? template.render(system: system, user: mark + prompt, now: now)
    let clean = marked.flatMap {
      Self.cut(exact, mark: Array(mark.utf8), marked: Array($0.utf8))
    }
    isCutCleanly = clean.map { $0 > 0 } ?? false
    let cut = clean ?? Self.cut(exact, before: prompt) ?? exact.count
    // A template may drop all that stands before the question.
    let end = cut > 0 ? cut : exact.count
    self.context = String(decoding: exact[..<end], as: UTF8.self)
    self.prompt = String(decoding: exact[end...], as: UTF8.self)
  }

  /// Between context and question.
  private static let separator = "\n\n"

  /// What the user says.
  static func message(_ context: String, _ prompt: String) -> String {
    prompt.isEmpty ? context : context + separator + prompt
  }

  /// What follows a context that was rendered before: a question and the end of the conversation, as
  /// `prompt` of both together where that is cut cleanly.
  ///
  /// - Parameters:
  ///   - prompt: the question; empty for none.
  ///   - isSeparated: whether the blank line between context and question was rendered with the
  ///     context.
  /// - Throws: `ChatTemplateError`; `Failure` with 65 if the template does not say what follows a
  ///   user's message.
  package static func continuation(
    template: ModelChatTemplate, system: String?, prompt: String, isSeparated: Bool,
    now: Date = Date()
  ) throws -> String {
    let mark = mark(notIn: Array((prompt + (system ?? "")).utf8))
    let message = mark + (isSeparated || prompt.isEmpty ? "" : separator) + prompt
    let marked = [UInt8](try template.render(system: system, user: message, now: now).utf8)
    guard let place = Data(marked).range(of: Data(mark.utf8), options: .backwards) else {
      throw Failure(
        .badData,
        """
        the chat template drops what stands before the question, so none can be asked about the \
        saved context; give --context and --prompt in one run
        """)
    }
    return String(decoding: marked[place.upperBound...], as: UTF8.self)
  }

  /// Whether the template leaves out what stands before the question, and the question itself; such a
  /// template gives an answer to something else. Short marks stand for both, and a template that refuses
  /// them is given the benefit of the doubt.
  package static func omissions(
    template: ModelChatTemplate, system: String?, now: Date = Date()
  ) -> (context: Bool, question: Bool) {
    let mark = mark(notIn: Array((system ?? "").utf8))
    let question = mark.replacing("context", with: "question")
    let text = try? template.render(system: system, user: message(mark, question), now: now)
    // A template may change a text's case.
    guard let text = text?.lowercased() else { return (false, false) }
    return (!text.contains(mark), !text.contains(question))
  }

  /// Letters and digits only, which no template trims or replaces, and which are not in the text.
  private static func mark(notIn text: [UInt8]) -> String {
    let text = Data(text)
    var number = 1
    while text.range(of: Data("ringflashcontext\(number)x".utf8)) != nil { number += 1 }
    return "ringflashcontext\(number)x"
  }

  /// Where in `exact` the text begins that follows the mark in `marked`.
  private static func cut(_ exact: [UInt8], mark: [UInt8], marked: [UInt8]) -> Int? {
    guard let place = Data(marked).range(of: Data(mark), options: .backwards) else { return nil }
    let rest = marked[place.upperBound...]
    guard rest.count <= exact.count, exact.suffix(rest.count).elementsEqual(rest) else {
      return nil
    }
    return exact.count - rest.count
  }

  /// Where in `exact` the question last begins, trimmed or not.
  private static func cut(_ exact: [UInt8], before prompt: String) -> Int? {
    let trimmed = prompt.trimmingCharacters(in: .whitespacesAndNewlines)
    for text in [prompt, trimmed] where !text.isEmpty {
      if let place = Data(exact).range(of: Data(text.utf8), options: .backwards) {
        return place.lowerBound
      }
    }
    return nil
  }
}
