import CommandLine
import Foundation
import TestSupport
import Testing

extension EndToEndTests {
  /// `--chat` with the exported built-in model and a chat template.
  @Suite(.serialized) struct Chat {
    private static let template =
      "{% for m in messages %}<{{ m.role }}>\n{{ m.content | trim }}\n{% endfor %}{{ '<assistant>\\n' }}"

    /// Calls `body` with a directory that has the model in `model`, with this chat template if one
    /// is given, and a context in `text`.
    private func withChatModel(
      _ template: String? = template,
      _ body: (_ directory: String, _ arguments: [String]) throws -> Void
    ) throws {
      try withTemporaryDirectory { directory in
        expectSuccess(try runRingflash(["export", directory + "/model"]), "export")
        let haystack = try Haystack.make(tokens: 600, needles: 2, seed: 1)
        try Data(haystack.text).write(to: URL(fileURLWithPath: directory + "/text"))
        if let template {
          let path = directory + "/model/chat_template.jinja"
          try Data(template.utf8).write(to: URL(fileURLWithPath: path))
        }
        try body(
          directory,
          ["--model", directory + "/model", "--context", directory + "/text", "--max-tokens", "4"])
      }
    }

    private func record(_ arguments: [String], ranks: Int? = nil) throws -> Record {
      let run = try runRingflash(arguments + ["--json"], ranks: ranks)
      expectSuccess(run, "\(arguments)")
      return try Record(json: Data(run.output))
    }

    /// A conversation is the same as its rendered text in two files.
    @Test func equalsItsRendering() throws {
      try withChatModel { directory, arguments in
        let text = try String(contentsOfFile: directory + "/text", encoding: .utf8)
        let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
        let start = text.prefix { $0.isWhitespace }
        let whole = text.dropFirst(start.count)
        for (options, context, prompt) in [
          (["--prompt", " the code is \n"], "<user>\n\(whole)\n\n", " the code is\n<assistant>\n"),
          ([], "<user>\n\(trimmed)", "\n<assistant>\n"),
          (
            ["--system", "Be brief.", "--prompt", "x"],
            "<system>\nBe brief.\n<user>\n\(whole)\n\n", "x\n<assistant>\n"
          ),
        ] {
          let path = directory + "/rendered"
          try Data(context.utf8).write(to: URL(fileURLWithPath: path))
          let plain = try record([
            "--model", directory + "/model", "--max-tokens", "4", "--context", path, "--prompt",
            prompt,
          ])
          for ranks in [nil, 2] {
            let chat = try record(arguments + ["--chat"] + options, ranks: ranks)
            #expect(chat.digest == plain.digest, "\(options), \(ranks ?? 0)")
            #expect(chat.tokenIDs == plain.tokenIDs)
            let tokens = chat.values["tokens"] as? [String: Int]
            #expect(tokens?["context"] == context.utf8.count, "\(options)")
            #expect(tokens?["prompt"] == prompt.utf8.count, "\(options)")
          }
        }
      }
    }

    /// A saved conversation is asked further questions as the template and the system's message of
    /// the first run have them.
    @Test func savedAndAskedAgain() throws {
      try withChatModel { directory, arguments in
        let questions = [["--prompt", " the code is \n"], ["--prompt", "which one"], []]
        for (number, system) in [[], ["--system", "Be brief."]].enumerated() {
          let chat = arguments + ["--chat"] + system
          let whole = try questions.map { try record(chat + $0) }
          // With a question the context ends with the blank line before it, without one it does not.
          for (kind, first) in [questions[0], []].enumerated() {
            let saved = "\(directory)/saved\(number)\(kind)"
            let saving = try record(chat + first + ["--save", saved], ranks: 2)
            #expect(saving.digest == whole[kind == 0 ? 0 : 2].digest)
            for (question, expected) in zip(questions, whole) {
              // The whole run cuts before the question or, without one, before the blank line.
              let again = try record(
                ["--resume", saved, "--max-tokens", "4"] + question, ranks: kind == 0 ? 3 : nil)
              guard first.isEmpty == question.isEmpty else {
                #expect(again.tokenIDs.count == expected.tokenIDs.count)
                continue
              }
              #expect(again.digest == expected.digest, "\(system), \(first), \(question)")
              #expect(again.tokenIDs == expected.tokenIDs)
            }
          }
        }
      }
    }

    /// A saved conversation keeps the variables of its template, and no other run may say others.
    @Test func variablesOfTheTemplate() throws {
      let template = """
        {% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}\
        {% if thinking is defined and not thinking %}<empty>{% endif %}<a>
        """
      try withChatModel(template) { directory, arguments in
        let asked = arguments + ["--chat", "--prompt", "the code is"]
        let variable = ["--template-variable", "thinking=false"]
        let usual = try record(asked)
        let saved = directory + "/saved"
        let changed = try record(asked + variable + ["--save", saved], ranks: 2)
        func prompt(_ record: Record) -> Int? {
          (record.values["tokens"] as? [String: Int])?["prompt"]
        }
        #expect(try #require(prompt(changed)) == #require(prompt(usual)) + "<empty>".utf8.count)
        #expect(changed.digest != usual.digest)
        let resuming = ["--resume", saved, "--max-tokens", "4", "--prompt", "the code is"]
        #expect(try record(resuming).digest == changed.digest)
        try expectFailure(resuming + variable, 64, ["--template-variable", "--resume"])
        try expectFailure(asked + ["--template-variable", "x=yes"], 64, ["x=yes", "JSON"])
        try expectFailure(asked + ["--template-variable", "messages=1"], 64, ["messages"])
      }
    }

    @Test func aTemplateThatLeavesOutWhatIsSaid() throws {
      try withChatModel("<{{ messages[0].role }}>") { directory, arguments in
        let saving = arguments + ["--chat", "--prompt", "why", "--quiet"]
        for ranks in [nil, 2] {
          let run = try runRingflash(saving + ["--json"], ranks: ranks)
          expectSuccess(run, "\(saving)")
          let warnings = try Record(json: Data(run.output)).values["warnings"] as? [String]
          #expect(warnings?.count == 2, "\(warnings as Any)")
          for (warning, word) in zip(warnings ?? [], ["the context is not", "the question is not"])
          {
            #expect(warning.contains(word))
            #expect(run.error.contains(warning))
          }
        }
      }
    }

    /// Words of the question that stand in the context do not hide that it is left out; and what a template
    /// does with a long message counts, not what it does with a short one.
    @Test(arguments: [
      ("{{ messages[0].content.split('\n\n')[0] }}<a>", ["the question is not"]),
      ("{{ messages[0].content.split('\n\n')[-1] }}<a>", ["the context is not"]),
      ("{% if messages[0].content | length > 100 %}{{ messages[0].content }}{% endif %}<a>", []),
    ])
    func omissions(template: String, words: [String]) throws {
      try withChatModel(template) { directory, arguments in
        try Data(String(repeating: "why is it so ", count: 20).utf8).write(
          to: URL(fileURLWithPath: directory + "/text"))
        let answer = try record(arguments + ["--chat", "--prompt", "why", "--quiet"])
        let warnings = answer.values["warnings"] as? [String] ?? []
        #expect(warnings.count == words.count, "\(warnings)")
        for (warning, word) in zip(warnings, words) { #expect(warning.contains(word)) }
      }
    }

    /// A template that measures the message leaves no place to cut that suits another question.
    @Test func savingNeedsAPlaceToCut() throws {
      try withChatModel("{{ messages[0].content }} {{ messages[0].content | length }} <a>") {
        directory, arguments in
        let saving = arguments + ["--chat", "--prompt", "why"]
        _ = try record(saving)
        try expectFailure(saving + ["--save", directory + "/saved"], 65, ["template", "--save"])
      }
    }

    private func expectFailure(
      _ arguments: [String], _ exitCode: Int32, _ words: [String],
      sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      for ranks in [nil, 2] {
        let run = try runRingflash(arguments, ranks: ranks)
        let name = "\(arguments) on \(ranks ?? 0) ranks: \(run.error)"
        #expect(run.exitCode == exitCode, "\(name)", sourceLocation: sourceLocation)
        #expect(run.output.isEmpty, "\(name)", sourceLocation: sourceLocation)
        #expect(run.messages.count == 1, "\(name)", sourceLocation: sourceLocation)
        for word in words {
          #expect(
            run.messages.first?.contains(word) == true, "no '\(word)' in \(name)",
            sourceLocation: sourceLocation)
        }
      }
    }

    @Test(arguments: [
      ("a\n{{ 1 + }}", "line 2: "), ("a\n\n{% include 'b' %}", "line 3: "),
      ("\n{{ raise_exception('System role not supported') }}", "line 2: System role not supported"),
      ("{{ messages[0].nope.x }}", "line 1: "),
      ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "steps"),
      ("{# nothing #}", "renders the conversation as nothing"),
    ])
    func templatesWithMistakes(template: String, words: String) throws {
      try withChatModel(template) { directory, arguments in
        let place = template.contains("nothing") ? "chat template" : "chat_template.jinja: chat"
        try expectFailure(arguments + ["--chat"], 65, [place, words])
      }
    }

    @Test func noTemplate() throws {
      try withChatModel(nil) { directory, arguments in
        try expectFailure(
          arguments + ["--chat"], 65, [directory + "/model", "chat_template.jinja", "--chat"])
        try expectFailure(
          ["--context", directory + "/text", "--chat"], 65, ["built-in", "--chat"])
      }
    }

    @Test func wrongUsage() throws {
      try expectFailure(["--context", "a", "--system", "s"], 64, ["--system", "--chat"])
      try expectFailure(["--token-ids", "a", "--chat"], 64, ["--token-ids", "--chat"])
    }
  }
}
