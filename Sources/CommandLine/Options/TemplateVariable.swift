import ArgumentParser
import ChatTemplates
import JSON

/// A variable that a chat template is given besides those that the program sets itself, as
/// `--template-variable NAME=JSON` says it.
package struct TemplateVariable: Codable, Equatable, Sendable {
  package let name: String
  /// A JSON text.
  package let value: String

  /// What the program sets; besides, all names that end in `_token`.
  private static let ownNames: Set<String> = [
    "messages", "add_generation_prompt", "tools", "documents", "raise_exception", "strftime_now",
  ]

  /// - Throws: `ValidationError`, whose message completes a sentence that names option and value.
  init(_ text: String) throws {
    guard let separator = text.firstIndex(of: "=") else {
      throw ValidationError("expected NAME=JSON, such as enable_thinking=false")
    }
    name = String(text[..<separator])
    value = String(text[text.index(after: separator)...])
    guard Self.isName(name) else {
      throw ValidationError(
        "the name before = must be letters, digits and _, and begin with no digit")
    }
    guard !Self.ownNames.contains(name), !name.hasSuffix("_token") else {
      throw ValidationError("'\(name)' is set by ringflash itself")
    }
    do {
      _ = try JSONValue(parsing: value)
    } catch {
      throw ValidationError(
        "the value after = is no JSON (\(error)); a text needs quotes, as in \(name)='\"text\"'")
    }
  }

  package init(name: String, value: String) {
    self.name = name
    self.value = value
  }

  /// As a template takes it.
  ///
  /// - Throws: `JSONError`.
  func member() throws(JSONError) -> ChatValue.Member {
    .init(name, ChatValue(try JSONValue(parsing: value)))
  }

  private static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
    return text.utf8.allSatisfy {
      switch $0 {
      case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "_"): true
      default: false
      }
    }
  }
}

extension [TemplateVariable] {
  /// These, and those of `other` that have other names.
  func filled(from other: [TemplateVariable]) -> [TemplateVariable] {
    let names = Set(map(\.name))
    return self + other.filter { !names.contains($0.name) }
  }

  /// A name that stands here twice.
  var repeatedName: String? {
    var names: Set<String> = []
    return first { !names.insert($0.name).inserted }?.name
  }
}

extension ChatValue {
  /// As a template takes it.
  init(_ value: JSONValue) {
    switch value {
    case .null: self = .null
    case .boolean(let value): self = .boolean(value)
    case .integer(let value): self = .integer(value)
    case .unsigned(let value): self = .number(Double(value))
    case .number(let value): self = .number(value)
    case .string(let value): self = .string(value)
    case .array(let values): self = .array(values.map(ChatValue.init))
    case .object(let object):
      self = .object(object.members.map { Member($0.key, ChatValue($0.value)) })
    }
  }
}
