import Foundation

/// A chat template of a model: the part of Jinja that Hugging Face chat templates use, with the
/// settings of Transformers (`trim_blocks`, `lstrip_blocks`, the immutable sandbox, `break` and
/// `continue`, `{% generation %}`, `raise_exception`, `strftime_now`, and its own `tojson`).
///
/// What is rendered equals what Jinja 3.1 renders, to the character. Strings are sequences of code
/// points, as in Python. What is not implemented is an error that names it, and never left out in
/// silence. No template can crash the program or run for ever: see `Limits`. Known differences:
/// whole numbers have 64 bits, what `safe` and `escape` give is plain text, and generators work
/// ahead, so that an error in one shows itself even if its values are never used.
public struct ChatTemplate: Sendable {
  /// What messages call the template, such as its path.
  public let name: String
  private let body: [Statement]

  /// Parses a template.
  ///
  /// - Throws: `malformed`, `unsupported` or `limit`, with the line.
  public init(_ source: String, name: String) throws(ChatTemplateError) {
    self.name = name
    var line = 1
    do throws(Problem) {
      let tokens = try Lexer.tokens(of: source, line: &line)
      var parser = Parser(tokens)
      defer { line = parser.line }
      body = try parser.template()
    } catch {
      throw ChatTemplateError(kind: error.kind, name: name, line: line, sentence: error.sentence)
    }
  }

  /// The text of a conversation.
  ///
  /// - Parameters:
  ///   - addGenerationPrompt: whether the text ends where the assistant's answer begins.
  ///   - variables: the special tokens by name, such as `bos_token`.
  ///   - others: what else the template may ask for, such as `enable_thinking`.
  ///   - now: what `strftime_now` formats, in the local time zone.
  /// - Throws: `raised`, `failed`, `unsupported` or `limit`, with the line.
  public func render(
    messages: [ChatMessage], addGenerationPrompt: Bool, variables: [String: String] = [:],
    others: [ChatValue.Member] = [], now: Date = Date()
  ) throws(ChatTemplateError) -> String {
    var context: [ChatValue.Member] = [
      .init(
        "messages",
        .array(messages.map { .object($0.members) })),
      .init("tools", .null),
      .init("documents", .null),
      .init("add_generation_prompt", .boolean(addGenerationPrompt)),
    ]
    context += variables.map { .init($0.key, .string($0.value)) } + others
    return try render(variables: context, now: now)
  }

  /// The text that the template makes of any variables.
  ///
  /// - Throws: as `render(messages:)`.
  public func render(
    variables: [ChatValue.Member], now: Date = Date()
  ) throws(ChatTemplateError) -> String {
    let interpreter = Interpreter(
      inputBytes: ChatValue.object(variables).textBytes, now: now)
    defer { interpreter.releaseCycles() }
    do throws(Problem) {
      return try interpreter.render(body, variables: variables)
    } catch {
      throw ChatTemplateError(
        kind: error.kind, name: name, line: interpreter.line, sentence: error.sentence)
    }
  }
}
