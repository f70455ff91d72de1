import CommandLine
import Foundation
import TestSupport
import Testing

extension EndToEndTests {
  /// `--cache` and `--messages`.
  @Suite(.serialized) struct Cache {
    /// Calls `body` with a folder that has texts of some blocks: `whole`, `beginning`, with which it begins,
    /// and `longer`.
    private func withTexts(_ body: (_ folder: String) throws -> Void) throws {
      try withTemporaryDirectory { folder in
        let text = try Haystack.make(tokens: 3000, needles: 2, seed: 1).text
        for (name, content) in [
          ("whole", text), ("beginning", Array(text.prefix(2100))),
          ("longer", text + Array("And there is more. ".utf8)),
        ] {
          try Data(content).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
        }
        try body(folder)
      }
    }

    private struct Run {
      let record: Record
      var digest: String { record.digest }
      var cachedTokens: Int? { record.values["cached_tokens"] as? Int }
      var warnings: [String] { record.values["warnings"] as? [String] ?? [] }
    }

    private func run(
      _ arguments: [String], ranks: Int? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Run {
      let run = try runRingflash(arguments + ["--max-tokens", "3", "--json"], ranks: ranks)
      expectSuccess(run, "\(arguments)", sourceLocation: sourceLocation)
      return Run(record: try Record(json: Data(run.output)))
    }

    private func entries(_ cache: String) throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: cache)
        .filter { $0.count == 16 }.sorted().map { "\(cache)/\($0)" }
    }

    /// The built-in model's answers depend on little of its context, so the files tell whether an entry is
    /// that of one run: all that `--save` writes, but for the manifest. Of the last position, sums that
    /// cancel out leave the rounding (OrderOfBlocks.md, "Where that ends").
    private func expectEntries(
      of cache: String, asSavedFrom names: [String], _ options: [String] = [], in folder: String,
      sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      func files(_ path: String) throws -> [String: Data] {
        let names = try FileManager.default.subpathsOfDirectory(atPath: path)
          .filter { $0 != "manifest.json" && $0 != "blocks" }
        return Dictionary(
          uniqueKeysWithValues: try names.map {
            ($0, try Data(contentsOf: URL(fileURLWithPath: "\(path)/\($0)")))
          })
      }
      var entries: [Data?: [String: Data]] = [:]
      for entry in try self.entries(cache) {
        let content = try files(entry)
        entries[content["tokens.bin"]] = content
      }
      #expect(entries.count == names.count, sourceLocation: sourceLocation)
      for name in names {
        let saved = "\(folder)/saved-\(name)"
        _ = try run(["--context", "\(folder)/\(name)", "--save", saved] + options)
        let expected = try files(saved)
        try FileManager.default.removeItem(atPath: saved)
        let found = try #require(
          entries[expected["tokens.bin"]], "\(name)", sourceLocation: sourceLocation)
        #expect(
          found.keys.sorted() == expected.keys.sorted(), "\(name)", sourceLocation: sourceLocation)
        for (file, bytes) in expected where file != "last-position.f32" {
          #expect(found[file] == bytes, "\(file) of \(name)", sourceLocation: sourceLocation)
        }
        func lastPosition(_ files: [String: Data]) throws -> [Float] {
          try #require(files["last-position.f32"]).withUnsafeBytes {
            Array($0.bindMemory(to: Float.self))
          }
        }
        for (value, expected) in zip(try lastPosition(found), try lastPosition(expected)) {
          #expect(abs(value - expected) < 1e-12, "\(name)", sourceLocation: sourceLocation)
        }
      }
    }

    /// Whatever the cache has of a context, the answer is that of a run without one.
    @Test(arguments: [[], ["--precision", "fp32"], ["--kv-cache", "q8"]])
    func equalsARunWithoutOne(options: [String]) throws {
      try withTexts { folder in
        let cache = ["--cache", folder + "/cache"] + options
        func context(_ name: String) -> [String] {
          ["--context", "\(folder)/\(name)", "--prompt", "Which? "]
        }
        let expected = try ["whole", "longer", "beginning"].map {
          try run(context($0) + options).digest
        }
        for (name, ranks, cachedTokens) in [
          ("whole", 2, 0), ("whole", nil, 3000), ("longer", 3, 3000), ("longer", 2, 3019),
          ("beginning", nil, 2099), ("beginning", 8, 2100), ("whole", 3, 3000),
        ] as [(String, Int?, Int)] {
          let answered = try run(context(name) + cache, ranks: ranks)
          let index = ["whole", "longer", "beginning"].firstIndex(of: name)!
          #expect(answered.digest == expected[index], "\(name), \(ranks ?? 1)")
          #expect(answered.cachedTokens == cachedTokens, "\(name), \(ranks ?? 1)")
          #expect(answered.warnings.isEmpty)
        }
        for entry in try entries(folder + "/cache") {
          expectSuccess(try runRingflash(["inspect", entry, "--verify"]), entry)
        }
        try expectEntries(
          of: folder + "/cache", asSavedFrom: ["whole", "longer", "beginning"], options, in: folder)
        // Other keys and values.
        let other = try run(context("whole") + cache + ["--model", "needle-moe"])
        #expect(other.cachedTokens == 0)
      }
    }

    /// Every rank of every entry notices; the entry is gone afterwards.
    @Test func aDamagedEntryIsAMiss() throws {
      try withTexts { folder in
        let context = ["--context", folder + "/longer", "--cache", folder + "/cache"]
        let expected = try run(Array(context.prefix(2))).digest
        for file in ["blocks/000011.kv", "last-position.f32", "tokens.bin", "manifest.json"] {
          _ = try run(context)
          let entry = try #require(try entries(folder + "/cache").first)
          let path = "\(entry)/\(file)"
          var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
          bytes[bytes.count / 2] ^= 16
          try bytes.write(to: URL(fileURLWithPath: path))
          let again = try run(context, ranks: 3)
          #expect(again.digest == expected && again.cachedTokens == 0, "\(file)")
          #expect(again.warnings.count == 1 && again.warnings[0].contains(entry), "\(file)")
          #expect(again.warnings.first?.contains("damaged") == true)
          try expectEntries(of: folder + "/cache", asSavedFrom: ["longer"], in: folder)
          #expect(!FileManager.default.fileExists(atPath: entry), "\(file)")
          #expect(try run(context).cachedTokens == 3019, "\(file)")
        }
      }
    }

    /// An entry behind which the context goes on, one file of which is gone.
    @Test func aDamagedBaseIsAMiss() throws {
      try withTexts { folder in
        let cache = ["--cache", folder + "/cache"]
        let expected = try run(["--context", folder + "/whole"]).digest
        for change in ["cut", "gone"] {
          _ = try run(["--context", folder + "/beginning"] + cache)
          let entry = try #require(try entries(folder + "/cache").first)
          let path = entry + "/blocks/000002.kv"
          if change == "cut" {
            try Data(contentsOf: URL(fileURLWithPath: path)).dropLast().write(
              to: URL(fileURLWithPath: path))
          } else {
            try FileManager.default.removeItem(atPath: path)
          }
          let again = try run(["--context", folder + "/whole"] + cache, ranks: 2)
          #expect(again.digest == expected && again.cachedTokens == 0, "\(change)")
          #expect(again.warnings.count == 1, "\(change): \(again.warnings)")
          #expect(again.warnings.first?.contains("'\(entry)' is damaged") == true)
          #expect(!FileManager.default.fileExists(atPath: entry), "\(change)")
          try expectEntries(of: folder + "/cache", asSavedFrom: ["whole"], in: folder)
          try FileManager.default.removeItem(atPath: folder + "/cache")
        }
      }
    }

    /// A prefill that was interrupted goes on when the same job is started again.
    @Test func anInterruptedOneGoesOn() throws {
      try withTemporaryDirectory { folder in
        let text = try Haystack.make(tokens: 30_000, needles: 2, seed: 1).text
        try Data(text).write(to: URL(fileURLWithPath: folder + "/text"))
        let context = ["--context", folder + "/text"]
        let cached = context + ["--cache", folder + "/cache", "--checkpoint-every", "0.000001"]
        let script = """
          (until compgen -G '\(folder)/cache/*/manifest.json' >/dev/null; do sleep 0.01; done; \
          kill -TERM $$) & exec "$@"
          """
        let interrupted = try runProgram(
          ["bash", "-c", script, "job", programPath] + cached + ["--max-tokens", "3"])
        try #require(interrupted.exitCode == 75, "\(interrupted.error)")
        #expect(interrupted.messages.first?.contains("layers are saved in") == true)
        let again = try run(cached, ranks: 2)
        #expect(again.digest == (try run(context).digest))
        #expect((again.record.values["restored_layers"] as? Int ?? 0) > 0)
        #expect(try run(cached).cachedTokens == 30_000)
        try expectEntries(of: folder + "/cache", asSavedFrom: ["text"], in: folder)
      }
    }

    @Test func whatDoesNotFitIsNotSaved() throws {
      try withTexts { folder in
        let cache = ["--cache", folder + "/cache"]
        let small = try run(
          ["--context", folder + "/whole"] + cache + ["--cache-size", "0.001"], ranks: 2)
        #expect(small.warnings.first?.contains("--cache-size") == true)
        #expect(try entries(folder + "/cache").isEmpty)
        _ = try run(["--context", folder + "/beginning"] + cache)
        // What is there is used, too.
        let behind = try run(
          ["--context", folder + "/whole"] + cache + ["--cache-size", "0.001"], ranks: 2)
        #expect(behind.cachedTokens == 2100)
        #expect(behind.digest == (try run(["--context", folder + "/whole"]).digest))
        #expect(try entries(folder + "/cache").count == 1)
      }
    }

    @Test func failures() throws {
      try withTexts { folder in
        let context = ["--context", folder + "/whole"]
        try FileManager.default.createDirectory(
          atPath: folder + "/strange", withIntermediateDirectories: false)
        try Data().write(to: URL(fileURLWithPath: folder + "/strange/notes"))
        try Data("[{\"role\": \"user\", \"content\": \"x\"}]".utf8).write(
          to: URL(fileURLWithPath: folder + "/messages"))
        let messages = ["--messages", folder + "/messages"]
        let cache = ["--cache", folder + "/cache"]
        for (arguments, exitCode, words) in [
          (
            context + ["--cache", folder + "/strange"], 74, ["strange", "'notes'", "empty folder"]
          ),
          (context + ["--cache", folder + "/whole"], 74, ["is no folder"]),
          (context + ["--cache", folder + "/no/cache"], 74, ["make it first"]),
          (context + ["--cache-size", "1"], 64, ["--cache DIR"]),
          (context + cache + ["--cache-size", "0"], 64, ["--cache-size"]),
          (context + cache + ["--save", folder + "/s"], 64, ["--save and --cache"]),
          (["--resume", folder + "/s"] + cache, 64, ["--resume and --cache"]),
          (context + cache + ["--logits", "l", "--logits-all"], 64, ["--logits-all"]),
          (context + cache + ["--report", folder + "/cache/r"], 64, ["into the cache"]),
          (context + messages, 64, ["--context and --messages"]),
          (messages + ["--prompt", "x"], 64, ["--prompt and --messages"]),
          (messages + ["--chat", "--system", "x"], 64, ["--system and --messages"]),
          (messages, 65, ["chat template"]),
        ] as [([String], Int32, [String])] {
          for ranks in [nil, 2] {
            let run = try runRingflash(arguments, ranks: ranks)
            let name = "\(arguments): \(run.error)"
            #expect(run.exitCode == exitCode, "\(name)")
            #expect(run.messages.count == 1 && run.output.isEmpty, "\(name)")
            for word in words { #expect(run.messages.first?.contains(word) == true, "\(name)") }
          }
        }
      }
    }

    // MARK: - Conversations

    private static let template = """
      {% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}\
      <{{ m.role }}>{{ m.content }}</>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}
      """

    private func withModel(
      _ template: String = template, _ body: (_ folder: String) throws -> Void
    ) throws {
      try withTexts { folder in
        expectSuccess(try runRingflash(["export", folder + "/model"]), "export")
        try Data(template.utf8).write(
          to: URL(fileURLWithPath: folder + "/model/chat_template.jinja"))
        try body(folder)
      }
    }

    private func messages(_ turns: [(role: String, content: Any)], in folder: String) throws
      -> [String]
    {
      let list = turns.map { ["role": $0.role, "content": $0.content] }
      let path = folder + "/messages.json"
      try JSONSerialization.data(withJSONObject: list).write(to: URL(fileURLWithPath: path))
      return ["--model", folder + "/model", "--chat", "--messages", path]
    }

    /// The next turn finds those before it, and is what its rendered text is.
    @Test func aConversationFindsItsEarlierTurns() throws {
      try withModel { folder in
        let text = try String(contentsOfFile: folder + "/whole", encoding: .utf8)
        let cache = ["--cache", folder + "/cache"]
        let first = [("system", "Be brief."), ("user", text)] as [(String, Any)]
        let start = try run(messages(first, in: folder) + cache)
        #expect(start.cachedTokens == 0)
        let rendered = "<system>Be brief.</><user>\(text)</><assistant>"
        #expect(
          (start.record.values["tokens"] as? [String: Int])
            == ["context": rendered.utf8.count, "prompt": 0, "generated": 3])

        let parts = [["type": "text", "text": "Which"], ["type": "text", "text": "one?"]]
        let next = first + [("assistant", "48213."), ("user", parts)] as [(String, Any)]
        let answered = try run(messages(next, in: folder) + cache, ranks: 2)
        #expect(answered.cachedTokens == rendered.utf8.count && answered.warnings.isEmpty)
        let path = folder + "/rendered"
        try Data((rendered + "48213.</><user>Which\none?</><assistant>").utf8).write(
          to: URL(fileURLWithPath: path))
        let plain = try run(["--model", folder + "/model", "--context", path])
        #expect(answered.digest == plain.digest)
      }
    }

    /// A template that shows only the last turn as it is.
    @Test func aTemplateThatChangesEarlierTurns() throws {
      let template = """
        {% for m in messages %}<{{ m.role }}{% if loop.last %}, now{% endif %}>{{ m.content }}</>\
        {% endfor %}<assistant>
        """
      try withModel(template) { folder in
        let text = try String(contentsOfFile: folder + "/whole", encoding: .utf8)
        let turns =
          [("user", text), ("assistant", "48213."), ("user", "Which?")] as [(String, Any)]
        let cached = try run(messages(turns, in: folder) + ["--cache", folder + "/cache"])
        let bytes = "<user, now>\(text)</><assistant>".utf8.count
        #expect(cached.warnings.count == 1)
        #expect(cached.warnings.first?.contains("of the \(bytes) bytes") == true)
        #expect(cached.warnings.first?.contains("the first 5 ") == true)
        #expect(try run(messages(turns, in: folder)).warnings.isEmpty)
      }
    }

    /// That it would not end with the system's message is nobody's concern where that is not the end.
    @Test func aTemplateThatWantsTheUser() throws {
      let template = """
        {% if messages[-1].role != 'user' %}{{ raise_exception('no user') }}{% endif %}\
        {% for m in messages %}<{{ m.role }}>{{ m.content }}</>{% endfor %}<assistant>
        """
      try withModel(template) { folder in
        let turns =
          [("system", "x"), ("assistant", "Hello."), ("user", "Which?")] as [(String, Any)]
        let answered = try run(messages(turns, in: folder) + ["--cache", folder + "/cache"])
        #expect(answered.warnings.isEmpty)
      }
    }

    @Test func messagesThatAreNone() throws {
      try withModel { folder in
        for (json, words) in [
          ("{\"messages\": []}", ["an object stands there", "array"]), ("[]", ["no message"]),
          ("[1]", ["message 1", "the number 1"]), ("[", ["malformed JSON"]),
          ("[{\"content\": \"x\"}]", ["message 1", "\"role\""]),
          ("[{\"role\": \"user\"}]", ["message 1", "\"content\""]),
          ("[{\"role\": \"user\", \"content\": null}]", ["message 1", "\"content\""]),
          ("[{\"role\": \"user\", \"content\": 3}]", ["message 1", "the number 3"]),
          (
            "[{\"role\": \"user\", \"content\": [{\"type\": \"image_url\"}]}]",
            ["message 1", "only text"]
          ),
          (
            "[{\"role\": \"user\", \"content\": \"x\"}, {\"role\": \"assistant\", \"content\": \"y\"}]",
            ["the assistant's"]
          ),
          ("[{\"role\": \"tool\", \"content\": \"x\"}]", ["chat template line", "no tools"]),
        ] {
          try Data(json.utf8).write(to: URL(fileURLWithPath: folder + "/m.json"))
          let run = try runRingflash([
            "--model", folder + "/model", "--messages", folder + "/m.json",
          ])
          #expect(run.exitCode == 65, "\(json): \(run.error)")
          #expect(run.messages.count == 1 && run.output.isEmpty, "\(json): \(run.error)")
          for word in words {
            #expect(run.messages.first?.contains(word) == true, "\(json): \(run.error)")
          }
        }
        let missing = try runRingflash(["--model", folder + "/model", "--messages", folder + "/no"])
        #expect(missing.exitCode == 66)
      }
    }
  }
}
