import CommandLine
import ContextFiles
import Foundation
import TestSupport
import Testing

extension EndToEndTests.Prompts {
  /// A text that is none of the haystack's.
  private func variant(_ number: Int, bytes: Int) -> String {
    let sentence = "In version \(number) the harbour has \(7 * number + 2) boats. "
    let text = String(repeating: sentence, count: bytes / sentence.utf8.count + 1)
    return String(text.prefix(bytes))
  }

  /// Saves the common context in `common`, and `own` behind it in `more`.
  private func save(_ work: Work, own: String) throws {
    try work.write(own, to: "own")
    let common = work.arguments + ["--save", work.path("common"), "--quiet"]
    expectSuccess(try runRingflash(common + ["--max-tokens", "0"], ranks: 2), "common")
    let more = [
      "--resume", work.path("common"), "--append", work.path("own"), "--save", work.path("more"),
    ]
    expectSuccess(try runRingflash(more + ["--max-tokens", "0", "--quiet"], ranks: 3), "more")
  }

  private struct Case {
    let name: String
    let context: String
    let own: String
    var prompt = "The secret passkey of "
    var more = ""
    var options: [String] = []
  }

  /// What `--resume` and `--append` give, one at a time.
  @Test func ownContextsEqualAppendedOnes() throws {
    try withWork(random: true) { work in
      let (short, long) = (variant(1, bytes: 40), variant(2, bytes: 700))
      let saved = variant(3, bytes: 300)
      try save(work, own: saved)
      try work.write(long, to: "long")
      let ids = Array("Ahoy".utf8).map { "\($0)" }.joined(separator: ",")
      let cases = [
        Case(name: "short", context: "{\"text\": \"\(short)\"}", own: short),
        Case(name: "long", context: "{\"file\": \"\(work.path("long"))\"}", own: long),
        Case(name: "empty", context: "{\"text\": \"\(short)\"}", own: short, prompt: ""),
        Case(name: "ids", context: "{\"token_ids\": [\(ids)]}", own: "Ahoy"),
        Case(name: "saved", context: "{\"saved\": \"\(work.path("more"))\"}", own: saved),
        Case(name: "none", context: "null", own: ""),
        // Texts that Unicode takes for equal.
        Case(name: "composed", context: "{\"text\": \"caf\u{e9}. \"}", own: "caf\u{e9}. "),
        Case(name: "decomposed", context: "{\"text\": \"cafe\u{301}. \"}", own: "cafe\u{301}. "),
        Case(
          name: "saved, empty", context: "{\"saved\": \"\(work.path("more"))\"}", own: saved,
          prompt: ""),
        Case(
          name: "penalty", context: "{\"text\": \"\(long)\"}", own: long,
          more: ", \"repetition_penalty\": 1.4", options: ["--repetition-penalty", "1.4"]),
        Case(
          name: "long prompt", context: "{\"text\": \"\(short)\"}", own: short,
          prompt: variant(4, bytes: 1100)),
        Case(name: "again", context: "{\"text\": \"\(saved)\"}", own: saved, prompt: "Why? "),
      ]
      try work.write(
        cases.map {
          """
          {"id": "\($0.name)", "context": \($0.context), "prompt": "\($0.prompt)"\($0.more)}\n
          """
        }.joined(), to: "prompts")
      var singles: [String: Record] = [:]
      for one in cases {
        try work.write(one.own, to: "append")
        let append = one.own.isEmpty ? [] : ["--append", work.path("append")]
        let run = try runRingflash(
          ["--resume", work.path("common"), "--prompt", one.prompt, "--max-tokens", "6"] + append
            + one.options + ["--json", "--quiet"])
        expectSuccess(run, one.name)
        singles[one.name] = try Record(json: Data(run.output))
      }
      let common = ["--resume", work.path("common"), "--max-tokens", "6"]
      for (arguments, ranks, batch) in [
        (common, nil, 1), (work.arguments, 2, 3), (common, 3, 16), (common, 8, 2),
      ] as [([String], Int?, Int)] {
        let name = "\(ranks ?? 0) ranks, batch \(batch)"
        let run = try runRingflash(
          arguments + ["--prompts", work.path("prompts"), "--batch", "\(batch)", "--quiet"],
          ranks: ranks)
        expectSuccess(run, name)
        let answers = try answers(run.text)
        #expect(answers.count == cases.count, "\(name)")
        for one in cases {
          let (answer, single) = (answers[one.name], singles[one.name]!)
          #expect(answer?.digest == single.digest, "\(name), \(one.name)")
          #expect(answer?.tokenIDs == single.tokenIDs, "\(name), \(one.name)")
          let counts = answer?.values["tokens"] as? [String: Int]
          #expect(
            counts?["context"] == (one.own.isEmpty ? nil : one.own.utf8.count),
            "\(name), \(one.name)")
          #expect(counts?["prompt"] == one.prompt.utf8.count, "\(name), \(one.name)")
        }
      }
    }
  }

  /// Answers to a question about another context are not taken for its own.
  @Test func ownContextsBelongToTheFingerprint() throws {
    try withWork { work in
      func ask(_ context: String) throws {
        try work.write(
          "{\"id\": 1, \"prompt\": \"A\"}\n{\"id\": 2, \"context\": \(context), \"prompt\": \"A\"}\n",
          to: "prompts")
      }
      let arguments =
        work.arguments + ["--prompts", work.path("prompts"), "--answers", work.path("answers")]
      try ask("{\"text\": \"Ahoy\"}")
      expectSuccess(try runRingflash(arguments + ["--batch", "1"]), "first")
      let text = try work.content("answers")
      // The same tokens, given otherwise.
      try ask("{\"token_ids\": [65, 104, 111, 121]}")
      expectSuccess(try runRingflash(arguments), "again")
      #expect(try work.content("answers") == text)
      for other in ["{\"text\": \"Ahoi\"}", "null"] {
        try ask(other)
        try expectFailure(arguments, 65, [work.path("answers") + ":2:", "--answers"])
      }
    }
  }

  @Test func badOwnContexts() throws {
    try withWork(random: true, tokens: 600) { work in
      try save(work, own: variant(3, bytes: 300))
      let prompts = work.path("prompts")
      func expect(
        _ context: String, _ code: Int32, _ words: [String], _ options: [String]? = nil
      ) throws {
        try work.write(
          "{\"id\": 1, \"prompt\": \"A\"}\n{\"id\": 2, \"context\": \(context), \"prompt\": \"A\"}\n",
          to: "prompts")
        try expectFailure(
          (options ?? work.arguments) + ["--prompts", prompts], code, [prompts + ":2"] + words)
      }
      func saved(_ name: String) -> String { "{\"saved\": \"\(work.path(name))\"}" }
      try expect("{\"file\": \"\(work.path("missing"))\"}", 66, [work.path("missing")])
      try expect("{\"file\": \"\(work.directory)\"}", 66, ["directory"])
      try Data([0x41, 0xff]).write(to: URL(fileURLWithPath: work.path("bad")))
      try expect("{\"file\": \"\(work.path("bad"))\"}", 65, ["UTF-8", "offset 1"])
      try work.write("", to: "bad")
      try expect("{\"file\": \"\(work.path("bad"))\"}", 65, ["empty"])
      try expect("{\"token_ids\": [65, 300]}", 65, ["token 1 is 300"])
      try expect("{\"text\": \"a\", \"saved\": \"b\"}", 65, ["2 of"])

      try expect(saved("missing"), 66, [work.path("missing")])
      try expect(saved("model"), 66, ["no saved context"])
      // Nothing is behind the common context.
      try expect(saved("common"), 65, ["does not begin", "--append"])
      try expect(
        saved("more"), 69, ["computed in bf16", "not in fp32"],
        work.arguments + ["--precision", "fp32"])
      try work.write("Another text than the one that is saved. ", to: "text")
      try expect(saved("more"), 65, ["does not begin"])
      let resuming = ["--resume", work.path("common")]
      // The first block is the common context's, and is not read; another one is.
      for (file, code, problem) in [
        ("blocks/000003.kv", Int32(65), "checksum"), ("last-position.f32", 65, "checksum"),
        ("tokens.bin", 65, "checksum"),
      ] {
        let url = URL(fileURLWithPath: work.path("more/" + file))
        let whole = try Data(contentsOf: url)
        var bytes = whole
        bytes[bytes.count - 1] ^= 1
        try FileManager.default.removeItem(at: url)
        try bytes.write(to: url)
        try expect(saved("more"), code, [file, problem], resuming)
        try whole.write(to: url)
      }
      let block = work.path("more/blocks/000002.kv")
      try FileManager.default.moveItem(atPath: block, toPath: block + "-")
      try expect(saved("more"), 66, ["000002.kv", "missing"], resuming)
      try FileManager.default.moveItem(atPath: block + "-", toPath: block)
      // What the questions name is not overwritten.
      try work.write("more", to: "own")
      try work.write(
        "{\"id\": 2, \"context\": {\"file\": \"\(work.path("own"))\"}, \"prompt\": \"A\"}\n",
        to: "prompts")
      try expectFailure(
        resuming + ["--prompts", prompts, "--report", work.path("own")], 64, ["--report"])
      #expect(try work.content("own") == "more")
    }
  }

  @Test func anOwnContextOfAnotherModel() throws {
    try withWork(random: true, tokens: 600) { work in
      try save(work, own: "More.")
      let needle = work.arguments.filter { $0 != "--model" && $0 != work.path("model") }
      try work.write(
        "{\"id\": 2, \"context\": {\"saved\": \"\(work.path("more"))\"}, \"prompt\": \"A\"}\n",
        to: "prompts")
      try expectFailure(
        needle + ["--prompts", work.path("prompts")], 69,
        [work.path("prompts") + ":1: ", "another model"])
    }
  }

  /// Where rotations depend on the context's length, an own context has those of the common one.
  @Test func ownContextsOfRotationsThatDependOnTheLength() throws {
    try withWork(random: true, tokens: 600) { work in
      let url = URL(fileURLWithPath: work.path("model/config.json"))
      var settings = try #require(
        JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
      settings["rope_scaling"] = ["rope_type": "dynamic", "factor": 2]
      settings["max_position_embeddings"] = 512
      try JSONSerialization.data(withJSONObject: settings).write(to: url)
      let own = variant(3, bytes: 100)
      try work.write(own, to: "own")
      let more = ["--ignore-position-limit", "--quiet"]
      func run(_ arguments: [String], ranks: Int = 1) throws -> ProgramRun {
        let run = try runRingflash(arguments + more, ranks: ranks)
        #expect(run.exitCode == 0, "\(arguments): \(run.error)")
        return run
      }
      let resume = ["--resume", work.path("common"), "--max-tokens", "6"]
      let append = resume + ["--append", work.path("own")]
      _ = try run(work.arguments + ["--save", work.path("common")])
      _ = try run(append + ["--save", work.path("more")])
      let single = try Record(
        json: Data(try run(append + ["--prompt", "Which?", "--json"]).output))
      try work.write(work.content("text") + own, to: "both")
      _ = try run(
        [
          "--context", work.path("both"), "--model", work.path("model"), "--save",
          work.path("whole"),
        ]
      )
      func question(_ id: Int, _ context: String) -> String {
        "{\"id\": \(id), \"context\": \(context), \"prompt\": \"Which?\"}\n"
      }
      try work.write(
        question(1, "{\"file\": \"\(work.path("own"))\"}")
          + question(2, "{\"saved\": \"\(work.path("more"))\"}"), to: "prompts")
      let asking = ["--prompts", work.path("prompts")]
      let together = try run(resume + asking, ranks: 2)
      #expect(together.error.contains("the common one is rotated as for its 600 tokens"))
      let answers = try answers(together.text)
      for id in ["1", "2"] { #expect(answers[id]?.digest == single.digest, "\(id)") }
      try work.write(question(1, "{\"saved\": \"\(work.path("whole"))\"}"), to: "prompts")
      try expectFailureBesideWarnings(
        resume + asking + more, 65, ["prompts:1: ", "700 tokens", "600", "--append"])
    }
  }

  private func expectFailureBesideWarnings(
    _ arguments: [String], _ exitCode: Int32, _ words: [String]
  ) throws {
    let run = try runRingflash(arguments, ranks: 2)
    #expect(run.exitCode == exitCode && run.output.isEmpty, "\(run.error)")
    for word in words { #expect(run.error.contains(word), "no '\(word)' in \(run.error)") }
  }

  /// The own context's text stands behind the common one in the message.
  @Test func ownContextsInAChat() throws {
    try withWork(random: true) { work in
      try work.write(
        "<{{ messages[0].role }}>{{ messages[0].content | trim }}\n<assistant>\n",
        to: "model/chat_template.jinja")
      let own = variant(1, bytes: 300)
      try work.write(own, to: "own")
      try work.write(
        """
        {"id": 1, "prompt": "Why? "}
        {"id": 2, "context": {"text": "\(own)"}, "prompt": "Why? "}
        {"id": 3, "context": {"file": "\(work.path("own"))"}, "prompt": "Who is it?"}

        """, to: "prompts")
      let chat = work.arguments + ["--chat"]
      expectSuccess(
        try runRingflash(chat + ["--prompt", "Which?", "--save", work.path("common")]), "saved")
      let asking = ["--prompts", work.path("prompts")]
      let runs = [
        try runRingflash(chat + asking, ranks: 2),
        try runRingflash(["--resume", work.path("common"), "--max-tokens", "6"] + asking),
      ]
      for (number, run) in runs.enumerated() {
        expectSuccess(run, "chat \(number)")
        let answers = try answers(run.text)
        for (id, prompt, own) in [
          ("1", "Why? ", false), ("2", "Why? ", true), ("3", "Who is it?", true),
        ] {
          let append = own ? ["--append", work.path("own")] : []
          let single = try runRingflash(
            ["--resume", work.path("common"), "--prompt", prompt, "--max-tokens", "6", "--json"]
              + append)
          expectSuccess(single, prompt)
          let record = try Record(json: Data(single.output))
          #expect(answers[id]?.digest == record.digest, "\(number), \(id)")
          #expect(answers[id]?.tokenIDs == record.tokenIDs, "\(number), \(id)")
        }
      }
      for context in ["{\"token_ids\": [65]}", "{\"saved\": \"\(work.path("common"))\"}"] {
        try work.write("{\"id\": 1, \"context\": \(context), \"prompt\": \"A\"}", to: "prompts")
        try expectFailure(chat + asking, 65, ["prompts:1:", "context", "chat template"])
      }
      // A template that does something else with it.
      try work.write(
        "<user>{{ messages[0].content | upper }}\n<assistant>\n", to: "model/chat_template.jinja")
      try work.write(
        "{\"id\": 1, \"context\": {\"text\": \"more\"}, \"prompt\": \"A\"}", to: "prompts")
      try expectFailure(chat + asking, 65, ["prompts:1:", "context"])
    }
  }

  /// Sources are places of the common context, which the warning says.
  @Test func sourcesBesideOwnContexts() throws {
    try withWork { work in
      let text = try work.content("text")
      let key = try #require(
        text.split(separator: "\n").first { $0.contains("The secret passkey of ") })
      let name = try #require(
        key.components(separatedBy: "The secret passkey of ").last?.split(separator: " ").first)
      try work.write(
        """
        {"id": 1, "prompt": "The secret passkey of \(name) is "}
        {"id": 2, "context": {"text": "And so on. "}, "prompt": "The secret passkey of \(name) is "}

        """, to: "prompts")
      let run = try runRingflash(
        work.arguments + ["--prompts", work.path("prompts"), "--sources", "1"], ranks: 2)
      #expect(run.exitCode == 0 && run.error.contains("places of the common context alone"))
      let answers = try answers(run.text)
      let places = answers.mapValues {
        ($0.values["sources"] as? [[String: Any]])?.first?["text"] as? String
      }
      #expect(places["2"]??.contains("passkey of \(name)") == true, "\(places)")
      #expect(places["1"] == places["2"])
      #expect(answers["1"]?.text == answers["2"]?.text)
    }
  }
}
