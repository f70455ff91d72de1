import ChatTemplates
import Foundation

/// A committed file of what PyPI's jinja2 renders.
func fixture<Content: Decodable>(_ name: String) throws -> Content {
  try JSONDecoder().decode(Content.self, from: Data(contentsOf: fixtureURL(name)))
}

func fixtureURL(_ name: String) -> URL {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures/\(name)")
}

/// The time of `strftime_now` in the fixtures: 14 March 2025, 12:30:05, where the test runs.
let fixtureTime: Date = {
  var parts = DateComponents()
  (parts.year, parts.month, parts.day) = (2025, 3, 14)
  (parts.hour, parts.minute, parts.second) = (12, 30, 5)
  return Calendar.current.date(from: parts)!
}()

/// What Jinja makes of a template: a text, or an error of one of the kinds `syntax` (found before
/// rendering), `raised` (by the template) and `failed`.
struct Expectation: Decodable {
  let text: String?
  let error: String?
  let message: String?

  /// What is wrong with a rendering; nil if it is as expected.
  func difference(_ render: () throws(ChatTemplateError) -> String) -> String? {
    do throws(ChatTemplateError) {
      let rendered = try render()
      guard let text else {
        return "rendered \(rendered.debugDescription), expected \(error ?? "")"
      }
      // Not by `==`, for which canonically equivalent texts are equal.
      return rendered.utf8.elementsEqual(text.utf8)
        ? nil : "rendered \(rendered.debugDescription), expected \(text.debugDescription)"
    } catch {
      let isExpected =
        switch self.error {
        case "syntax": [.malformed, .unsupported].contains(error.kind)
        case "raised": error.kind == .raised && error.sentence == message
        case "failed": [.failed, .limit].contains(error.kind)
        default: false
        }
      return isExpected
        ? nil : "\(error.kind) '\(error)', expected \(self.error ?? text ?? "") \(message ?? "")"
    }
  }
}

/// A value as the fixtures have it: an object is `{"members": [[key, value], …]}`, a number with a
/// fraction `{"number": "1.0"}`.
struct FixtureValue: Decodable {
  let value: ChatValue

  private enum Key: String, CodingKey { case members, number }

  private struct Member: Decodable {
    let key: String
    let value: ChatValue

    init(from decoder: any Decoder) throws {
      var pair = try decoder.unkeyedContainer()
      key = try pair.decode(String.self)
      value = try pair.decode(FixtureValue.self).value
    }
  }

  var members: [ChatValue.Member] {
    if case .object(let members) = value { members } else { [] }
  }

  init(from decoder: any Decoder) throws {
    if let object = try? decoder.container(keyedBy: Key.self) {
      if let number = try object.decodeIfPresent(String.self, forKey: .number) {
        value = .number(Double(number) ?? .nan)
      } else {
        let members = try object.decode([Member].self, forKey: .members)
        value = .object(members.map { .init($0.key, $0.value) })
      }
      return
    }
    let single = try decoder.singleValueContainer()
    if single.decodeNil() {
      value = .null
    } else if let boolean = try? single.decode(Bool.self) {
      value = .boolean(boolean)
    } else if let integer = try? single.decode(Int.self) {
      value = .integer(integer)
    } else if let string = try? single.decode(String.self) {
      value = .string(string)
    } else {
      value = .array(try single.decode([FixtureValue].self).map(\.value))
    }
  }
}
