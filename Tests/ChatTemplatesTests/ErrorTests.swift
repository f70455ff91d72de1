import ChatTemplates
import Foundation
import Testing

/// What is wrong with a template is said with its line and its kind.
@Suite struct ErrorTests {
  private func error(of source: String) -> ChatTemplateError? {
    do throws(ChatTemplateError) {
      _ = try ChatTemplate(source, name: "dir/chat_template.jinja")
        .render(messages: [ChatMessage(.user, "u")], addGenerationPrompt: true)
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: [
    ("a\n{{ 1 + }}", ChatTemplateError.Kind.malformed, 2),
    ("a\n\n{% if true %}\nb", .malformed, 4),
    ("{{ 'a' }}\n{{ @ }}", .malformed, 2),
    ("\n{# never closed", .malformed, 2),
    ("{% for x in messages %}\n{% endif %}", .malformed, 2),
    ("a\n{% include 'b' %}", .unsupported, 2),
    ("a\n\n{% extends 'b' %}", .unsupported, 3),
    ("{% import 'b' as c %}", .unsupported, 1),
    ("\n{% from 'b' import c %}", .unsupported, 2),
    ("{% block b %}{% endblock %}", .unsupported, 1),
    ("{% autoescape true %}{% endautoescape %}", .unsupported, 1),
    ("\n{% for x in messages recursive %}{% endfor %}", .unsupported, 2),
    ("a\n{{ 1 | nosuch }}", .unsupported, 2),
    ("a\n{{ 1 is nosuch }}", .unsupported, 2),
    ("{% if true %}\n{{ 1 | pprint }}{% endif %}", .unsupported, 2),
    ("{{ messages | map('nosuch') | list }}", .unsupported, 1),
    ("{{ 'a'.encode('utf-8') }}", .unsupported, 1),
    ("{{ joiner(',') }}", .unsupported, 1),
    ("{{ 'a'.upper }}", .unsupported, 1),
    ("{{ messages | map('string') }}", .unsupported, 1),
    ("a\nb\n{{ raise_exception('No!') }}", .raised, 3),
    ("{% macro m() %}\n{{ missing.x }}\n{% endmacro %}\n\n{{ m() }}", .failed, 2),
    ("\n{{ messages.append(1) }}", .failed, 2),
    ("{{ [1,\n2,\n1 / 0] }}", .failed, 3),
    ("\n{{ 99999999999999999999 }}", .limit, 2),
  ])
  func kindAndLine(source: String, kind: ChatTemplateError.Kind, line: Int) {
    let error = error(of: source)
    #expect(error?.kind == kind, "\(source): \(String(describing: error))")
    #expect(error?.line == line, "\(source): \(String(describing: error))")
    let start = "dir/chat_template.jinja: chat template line \(line): "
    #expect(error?.description.hasPrefix(start) == true)
    #expect(error?.sentence.isEmpty == false && error?.sentence.hasSuffix(".") == false)
  }

  @Test func sentences() {
    #expect(error(of: "{{ raise_exception('No: ' ~ 1) }}")?.sentence == "No: 1")
    #expect(error(of: "{% include 'x' %}")?.sentence.contains("include") == true)
    #expect(error(of: "{{ nope.x }}")?.sentence.contains("'nope' is undefined") == true)
    #expect(error(of: "{{ 1 | nosuch }}")?.sentence.contains("nosuch") == true)
  }
}
