import CommandLine
import Foundation
import TestSupport
import Testing

extension EndToEndTests {
  /// Many questions over one context.
  @Suite(.serialized) struct Prompts {
    /// Directory with a context and, as its user would write them, questions about it.
    struct Work {
      let directory: String
      let arguments: [String]
      /// The single runs that ask the same; in the order of the prompts file.
      let singles: [(id: String, arguments: [String])]

      func path(_ name: String) -> String { "\(directory)/\(name)" }

      func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path(name)))
      }

      func content(_ name: String) throws -> String {
        try String(contentsOfFile: path(name), encoding: .utf8)
      }
    }

    static let questions: [(line: String, id: String, arguments: [String])] = [
      ("{\"id\": 1, \"prompt\": \"The secret passkey of \"}", "1", ["The secret passkey of "]),
      (
        "{\"id\": \"b\", \"prompt\": \"x\", \"max_tokens\": 3}", "b", ["x", "--max-tokens", "3"]
      ),
      (
        "{\"id\": \"long\", \"prompt\": \"\(String(repeating: "Once more. ", count: 30))\"}",
        "long", [String(repeating: "Once more. ", count: 30)]
      ),
      ("{\"id\": 4, \"prompt\": \"\"}", "4", [""]),
      ("{\"id\": 5, \"prompt\": \"A\", \"max_tokens\": 0}", "5", ["A", "--max-tokens", "0"]),
      (
        "{\"id\": 6, \"prompt\": \"A\", \"temperature\": 0.9, \"top_k\": 50, \"seed\": 4}", "6",
        ["A", "--temperature", "0.9", "--top-k", "50", "--seed", "4"]
      ),
      (
        "{\"id\": 7, \"prompt\": \"A\", \"stop\": [\"e\", \"a\"], \"max_tokens\": 20}", "7",
        ["A", "--stop", "e", "--stop", "a", "--max-tokens", "20"]
      ),
      ("{\"id\": 8, \"token_ids\": [65, 66]}", "8", ["AB"]),
    ]

    /// With the built-in model, or one of random weights with grouped heads and sliding windows that
    /// has the same tokenizer.
    func withWork(
      random: Bool = false, tokens: Int = 1300, _ body: (Work) throws -> Void
    ) throws {
      try withTemporaryDirectory { directory in
        var arguments = ["--context", directory + "/text", "--max-tokens", "6"]
        if random {
          expectSuccess(try runRingflash(["export", directory + "/needle"]), "export")
          try writeRandomModel(to: directory + "/model")
          try FileManager.default.copyItem(
            atPath: directory + "/needle/tokenizer.json",
            toPath: directory + "/model/tokenizer.json")
          arguments += ["--model", directory + "/model"]
        }
        let work = Work(
          directory: directory, arguments: arguments,
          singles: Self.questions.map { ($0.id, arguments + ["--prompt"] + $0.arguments) })
        let haystack = try Haystack.make(
          tokens: tokens, needles: 1, endsWithQuestion: false, seed: 3)
        try Data(haystack.text).write(to: URL(fileURLWithPath: work.path("text")))
        try work.write(
          Self.questions.map { $0.line + "\n" }.joined(), to: "prompts")
        try body(work)
      }
    }

    /// The answers of a file by id.
    func answers(_ text: String) throws -> [String: Record] {
      var answers: [String: Record] = [:]
      for line in text.split(separator: "\n") {
        let record = try Record(json: Data(line.utf8))
        let id = try #require(record.values["id"])
        #expect(answers.updateValue(record, forKey: "\(id)") == nil, "a second answer to \(id)")
      }
      return answers
    }

    /// Answers, token ids, ends and digests equal those of asking one at a time.
    @Test(arguments: [false, true])
    func equalsAskingOneAtATime(random: Bool) throws {
      try withWork(random: random) { work in
        var singles: [String: Record] = [:]
        for (id, arguments) in work.singles {
          let run = try runRingflash(arguments + ["--json", "--quiet"])
          expectSuccess(run, "\(arguments)")
          singles[id] = try Record(json: Data(run.output))
        }
        var digests: Set<String> = []
        for (ranks, batch) in [(nil, 1), (1, 3), (2, 2), (3, 16), (4, 64), (5, 4)] {
          let name = "\(ranks ?? 0) ranks, batch \(batch)"
          let run = try runRingflash(
            work.arguments + [
              "--prompts", work.path("prompts"), "--batch", "\(batch)", "--quiet",
              "--report", work.path("report"),
            ], ranks: ranks)
          expectSuccess(run, name)
          let answers = try answers(run.text)
          #expect(answers.count == singles.count, "\(name)")
          for (id, single) in singles {
            let answer = try #require(answers[id], "\(name) has no \(id)")
            #expect(answer.text == single.text, "\(name), \(id)")
            #expect(answer.tokenIDs == single.tokenIDs, "\(name), \(id)")
            #expect(answer.digest == single.digest, "\(name), \(id)")
            #expect(
              answer.values["finish_reason"] as? String
                == single.values["finish_reason"] as? String, "\(name), \(id)")
            let tokens = try #require(answer.values["tokens"] as? [String: Int])
            let expected = try #require(single.values["tokens"] as? [String: Int])
            #expect(tokens["prompt"] == expected["prompt"], "\(name), \(id)")
            #expect(tokens["generated"] == expected["generated"], "\(name), \(id)")
          }
          let record = try Record(path: work.path("report"))
          digests.insert(record.digest)
          #expect(
            record.values["questions"] as? [String: Int]
              == ["asked": 8, "answered_before": 0, "answered": 8], "\(name)")
          let counts = try #require(record.values["tokens"] as? [String: Int])
          let generated = singles.values.reduce(0) { $0 + $1.tokenIDs.count }
          #expect(counts["generated"] == generated && counts["context"] == 1300, "\(name)")
        }
        #expect(digests.count == 1)
      }
    }

    /// A file that a killed job left is continued by one with another number of ranks: the answers that
    /// are in it stay, and in the end it has each once.
    @Test func restart() throws {
      try withWork { work in
        let arguments =
          work.arguments + [
            "--prompts", work.path("prompts"), "--answers", work.path("answers"), "--report",
            work.path("report"),
          ]
        let first = try runRingflash(arguments, ranks: 2)
        expectSuccess(first, "first")
        #expect(first.output.isEmpty)
        #expect(first.error.contains("answers: 8/8 questions in "))
        let digest = try Record(path: work.path("report")).digest
        let whole = try answers(work.content("answers"))
        #expect(whole.count == 8)
        let text = try work.content("answers")
        for (cut, ranks) in [(0, 1), (1, 3), (text.utf8.count / 2, 3), (text.utf8.count - 1, 1)] {
          let kept = String(text.prefix(cut))
          try work.write(kept, to: "answers")
          let run = try runRingflash(arguments, ranks: ranks)
          expectSuccess(run, "cut to \(cut)")
          let again = try work.content("answers")
          let wholeLines = kept.lastIndex(of: "\n").map { kept[...$0] } ?? ""
          #expect(again.hasPrefix(wholeLines), "cut to \(cut)")
          let answers = try answers(again)
          #expect(Set(answers.keys) == Set(whole.keys), "cut to \(cut)")
          for (id, answer) in answers {
            #expect(answer.digest == whole[id]?.digest, "cut to \(cut), \(id)")
            #expect(answer.text == whole[id]?.text, "cut to \(cut), \(id)")
          }
          let record = try Record(path: work.path("report"))
          #expect(record.digest == digest, "cut to \(cut)")
          let counts = try #require(record.values["questions"] as? [String: Int])
          #expect(counts["asked"] == 8)
          #expect(counts["answered_before"] == 8 - (counts["answered"] ?? 0))
          #expect(again.hasSuffix("\n") == (counts["answered"] != 0))
        }

        // A further question: nothing but it is answered.
        try work.write(text, to: "answers")
        try work.write(
          "{\"id\": \"new\", \"prompt\": \"B\"}\n" + work.content("prompts"), to: "prompts")
        let more = try runRingflash(arguments + ["--json"])
        expectSuccess(more, "a further question")
        let again = try work.content("answers")
        #expect(again.hasPrefix(text))
        #expect(try answers(again).count == 9)
        let record = try Record(json: Data(more.output))
        #expect(
          record.values["questions"] as? [String: Int]
            == ["asked": 9, "answered_before": 8, "answered": 1])
        #expect(record.digest != digest)
      }
    }

    /// A signal ends the job between two tokens, with what is answered; the next job goes on.
    @Test(arguments: [1, 3])
    func interruption(ranks: Int) throws {
      try withWork { work in
        // The first is short, the others would take minutes.
        let long = (2...8).map { "{\"id\": \($0), \"prompt\": \"A\", \"max_tokens\": 6000}\n" }
        try work.write("{\"id\": 1, \"prompt\": \"A\"}\n" + long.joined(), to: "prompts")
        let options =
          work.arguments + [
            "--prompts", work.path("prompts"), "--answers", work.path("answers"), "--quiet",
            "--batch", "2", "--stop", "@@@",
          ]
        let command = (["mpirun", "-np", "\(ranks)", programPath] + options).map { "'\($0)'" }
          .joined(separator: " ")
        let script = """
          \(command) & job=$!
          until [ -s '\(work.path("answers"))' ]; do sleep 0.05; done
          kill -TERM $(pgrep -P $job -f -- --prompts | head -1); wait $job
          """
        let run = try runProgram(["bash", "-c", script])
        #expect(run.exitCode == 75 && run.messages.count == 1, "\(run.error)")
        #expect(run.error.contains("interrupted by SIGTERM: 1 of 8 questions are answered"))
        #expect(try Set(answers(work.content("answers")).keys) == ["1"])

        let text = try work.content("answers")
        try work.write(
          "{\"id\": 1, \"prompt\": \"A\"}\n{\"id\": 2, \"prompt\": \"A\", \"max_tokens\": 9}\n",
          to: "prompts")
        expectSuccess(try runRingflash(options, ranks: ranks), "again")
        #expect(try work.content("answers").hasPrefix(text))
        #expect(try answers(work.content("answers")).count == 2)
      }
    }

    /// Questions about a saved context get the answers that they get about the context itself, which
    /// count for both.
    @Test func savedContext() throws {
      try withWork(random: true) { work in
        let asking = ["--prompts", work.path("prompts"), "--answers", work.path("answers")]
        // The saved context knows the model by its whole path, a user of it perhaps by another.
        let relative = work.arguments.map { $0 == work.path("model") ? "model" : $0 }
        let saving = relative + asking + ["--save", work.path("saved")]
        let command = (["mpirun", "-np", "2", programPath] + saving).map { "'\($0)'" }
        expectSuccess(
          try runProgram([
            "bash", "-c", "cd '\(work.directory)' && exec \(command.joined(separator: " "))",
          ]), "saved")
        let whole = try answers(work.content("answers"))
        let lines = try work.content("answers").split(
          separator: "\n", omittingEmptySubsequences: true)
        #expect(lines.count == 8)
        try work.write(lines.prefix(3).map { $0 + "\n" }.joined(), to: "answers")
        let again = try runRingflash(
          ["--resume", work.path("saved"), "--max-tokens", "6"] + asking, ranks: 3)
        expectSuccess(again, "resumed")
        #expect(!again.error.contains("prefill:"))
        let resumed = try answers(work.content("answers"))
        #expect(Set(resumed.keys) == Set(whole.keys))
        for (id, answer) in resumed { #expect(answer.digest == whole[id]?.digest, "\(id)") }
      }
    }

    /// With every answer there, nothing is loaded and nothing computed.
    @Test(arguments: [nil, 3])
    func nothingLeft(ranks: Int?) throws {
      try withWork { work in
        let arguments =
          work.arguments + ["--prompts", work.path("prompts"), "--answers", work.path("answers")]
        expectSuccess(try runRingflash(arguments, ranks: ranks), "first")
        let text = try work.content("answers")
        let run = try runRingflash(arguments + ["--json"], ranks: ranks)
        expectSuccess(run, "second")
        #expect(try work.content("answers") == text)
        #expect(run.error.contains("every question of \(work.path("prompts")) is answered"))
        #expect(!run.error.contains("prefill"))
        let record = try Record(json: Data(run.output))
        #expect((record.values["tokens"] as? [String: Int])?["generated"] == 0)
        let quiet = try runRingflash(arguments + ["--quiet"], ranks: ranks)
        #expect(quiet.exitCode == 0 && quiet.error.isEmpty && quiet.output.isEmpty)
      }
    }

    /// The questions that `haystack` writes, on standard input, find all needles.
    @Test func haystack() throws {
      try withTemporaryDirectory { directory in
        let made = try runRingflash([
          "haystack", "--tokens", "20000", "--needles", "8", "--output", directory + "/text",
          "--answers", directory + "/needles", "--prompts", directory + "/prompts",
        ])
        expectSuccess(made, "haystack")
        let run = try runRingflash(
          ["--context", directory + "/text", "--prompts", "-"], ranks: 4,
          input: String(contentsOfFile: directory + "/prompts", encoding: .utf8))
        expectSuccess(run, "haystack")
        let answers = try answers(run.text)
        let needles = try JSONDecoder().decode(
          [Needle].self, from: Data(contentsOf: URL(fileURLWithPath: directory + "/needles")))
        #expect(needles.count == 8)
        for needle in needles { #expect(answers["\(needle.index)"]?.text == needle.passkey) }
      }
    }

    /// Each question in the chat template, behind the same context.
    @Test func chat() throws {
      try withWork(random: true) { work in
        try work.write(
          "<{{ messages[0].role }}>{{ messages[0].content | trim }}\n<assistant>\n",
          to: "model/chat_template.jinja")
        try work.write(
          "{\"id\": 1, \"prompt\": \"Why? \"}\n{\"id\": 2, \"prompt\": \"Who is it?\"}\n",
          to: "prompts")
        let arguments = work.arguments + ["--chat", "--prompts", work.path("prompts")]
        let run = try runRingflash(arguments, ranks: 2)
        expectSuccess(run, "chat")
        let answers = try answers(run.text)
        for (id, prompt) in [("1", "Why? "), ("2", "Who is it?")] {
          let single = try runRingflash(
            work.arguments + ["--chat", "--prompt", prompt, "--json"])
          expectSuccess(single, prompt)
          let record = try Record(json: Data(single.output))
          #expect(answers[id]?.digest == record.digest)
          #expect(answers[id]?.tokenIDs == record.tokenIDs)
        }
        // A template that looks at the question, and questions that have no text.
        try work.write("{\"id\": 1, \"token_ids\": [65]}", to: "prompts")
        try expectFailure(arguments, 65, ["prompts:1:", "token_ids", "chat template"])
        try work.write(
          "{{ messages[0].content | length }}{{ messages[0].content }}",
          to: "model/chat_template.jinja")
        try work.write(
          "{\"id\": 1, \"prompt\": \"Why?\"}\n{\"id\": 2, \"prompt\": \"Who is it?\"}\n",
          to: "prompts")
        try expectFailure(arguments, 65, ["prompts:2:", "--prompt"])
      }
    }
  }
}
