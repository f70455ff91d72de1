import ChatTemplates
import Foundation
import JSON
import Ranks

/// The file of `--messages`: a conversation, as a JSON array of messages with a role and a content each,
/// the first one first. It ends where the assistant is to answer.
package struct MessagesFile {
  private let messages: [ChatMessage]
  /// Whose the messages are.
  private let roles: [String]

  /// Reads the file at `path`, or standard input if it is `-`.
  ///
  /// - Throws: 66 if the file is not there or is not a file, 74 if it cannot be read, 65 if its content is
  ///   not what it should be.
  package init(path: String) throws(Failure) {
    let name = FileReader.name(of: path, as: "messages")
    try self.init(json: FileReader.text(of: path, as: "messages"), name: name)
  }

  /// The messages that stand in a text; `name` is for messages to the user.
  ///
  /// - Throws: 65.
  package init(json: String, name: String) throws(Failure) {
    let value: JSONValue
    do {
      value = try JSONValue(parsing: json)
    } catch {
      throw Failure(.badData, "\(name): malformed JSON: \(error); correct the file")
    }
    guard case .array(let values) = value else {
      throw Failure(
        .badData,
        """
        \(name): \(value.summary) stands there, an array of messages is expected, such as \
        [{"role": "user", "content": "…"}]
        """)
    }
    var messages: [ChatMessage] = []
    var roles: [String] = []
    for (index, value) in values.enumerated() {
      func failure(_ problem: String) -> Failure {
        Failure(.badData, "\(name): message \(index + 1) \(problem)")
      }
      guard case .object(let object) = value else {
        throw failure("is \(value.summary), an object with \"role\" and \"content\" is expected")
      }
      guard case .string(let role)? = object["role"], !role.isEmpty else {
        throw failure("has no \"role\" that is a text, such as \"user\"; add it")
      }
      roles.append(role)
      messages.append(
        ChatMessage(
          members: try object.members.map { member throws(Failure) in
            .init(
              member.key,
              member.key == "content"
                ? try Self.content(member.value, failure) : ChatValue(member.value))
          }))
      // A call of a tool has no text.
      guard object["content"] != nil || object["tool_calls"] != nil else {
        throw failure("has no \"content\"; add it")
      }
    }
    guard let last = roles.last else {
      throw Failure(.badData, "\(name): there is no message in it; write one of the user's")
    }
    guard last != ChatMessage.Role.assistant.rawValue else {
      throw Failure(
        .badData,
        "\(name): the last message is the assistant's, so there is nothing to answer; end with the user's"
      )
    }
    self.messages = messages
    self.roles = roles
  }

  /// A text, or the texts of a list of parts, one on a line.
  private static func content(
    _ value: JSONValue, _ failure: (String) -> Failure
  ) throws(Failure) -> ChatValue {
    switch value {
    case .string(let text): return .string(text)
    case .null: return .null
    case .array(let parts):
      var texts: [String] = []
      for part in parts {
        guard case .object(let object) = part, case .string("text")? = object["type"],
          case .string(let text)? = object["text"]
        else {
          throw failure(
            "has a part that is no {\"type\": \"text\", \"text\": …}, and only text is read; leave it out"
          )
        }
        texts.append(text)
      }
      return .string(texts.joined(separator: "\n"))
    default:
      throw failure("has \(value.summary) as \"content\", a text is expected; correct it")
    }
  }

  /// - Throws: `ChatTemplateError` where the template refuses a role, or an order of them; `Failure` with 65
  ///   if it renders nothing.
  package func rendered(by template: ModelChatTemplate, now: Date) throws -> RenderedMessages {
    let text = try template.render(messages, now: now)
    guard !text.isEmpty else {
      throw Failure(
        .badData, "the chat template renders the messages as nothing; give the text as --context")
    }
    let answer = roles.lastIndex(of: ChatMessage.Role.assistant.rawValue)
    // As it was rendered when the assistant was to give the last answer.
    let earlier = try answer.flatMap { $0 == 0 ? nil : $0 }.map {
      try template.render(Array(messages[..<$0]), now: now)
    }
    return RenderedMessages(text: text, earlier: earlier)
  }
}

/// A conversation as its chat template renders it, up to where the assistant's answer begins.
package struct RenderedMessages {
  package let text: String
  /// The same before the last answer; nil for the first turn.
  package let earlier: String?

  /// Where the template does not leave what was there before the last answer as it was, so that nothing of
  /// the rest can be found in a cache; nil where it does.
  package var changeOfEarlierTurns: String? {
    guard let earlier = earlier.map({ Array($0.utf8) }) else { return nil }
    let common = zip(earlier, text.utf8).prefix { $0 == $1 }.count
    guard common < earlier.count else { return nil }
    return """
      the chat template renders earlier turns otherwise once they are answered: of the \
      \(earlier.count) bytes before the last answer the first \(common) are as they were, and the cache \
      can have no more of them
      """
  }
}
