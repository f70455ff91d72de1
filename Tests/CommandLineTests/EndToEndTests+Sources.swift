import CommandLine
import Foundation
import TestSupport
import Testing
import Transformer

extension EndToEndTests {
  /// Where answers come from.
  @Suite(.serialized) struct Sources {
    private struct Place {
      let tokens: [Int]
      let bytes: [Int]
      let text: String
      let layers: [Int]

      init?(_ value: Any?) {
        guard let value = value as? [String: Any], let tokens = value["tokens"] as? [Int],
          let bytes = value["bytes"] as? [Int], let text = value["text"] as? String,
          let layers = value["layers"] as? [Int], value["share"] is Double
        else { return nil }
        (self.tokens, self.bytes, self.text, self.layers) = (tokens, bytes, text, layers)
      }
    }

    private func places(_ record: Record) -> [Place?] {
      (record.values["sources"] as? [Any] ?? []).map { Place($0) }
    }

    private func tokenPlaces(_ record: Record) -> [[Place?]] {
      (record.values["token_sources"] as? [[Any]] ?? []).map { $0.map { Place($0) } }
    }

    /// The sentence with the passkey is the first place of the answer and of each of its tokens, at all
    /// depths, with the question in the context and behind it.
    @Test(arguments: NeedleModel.Variant.allCases.map(\.rawValue))
    func thePasskeysSentenceIsTheFirstPlace(model: String) throws {
      // Before the others of the mixtures is one that finds the tokens' codes.
      let matching = model == "needle" ? 5 : 6
      for (tokens, needles) in [(700, 4), (3_000, 7)] {
        for asked in 1...needles {
          let haystack = try Haystack.make(
            tokens: tokens, needles: needles, asked: asked, seed: UInt64(asked))
          let needle = haystack.needles[asked - 1]
          let opening = Needle.opening(name: needle.name)
          let sentence = needle.offset..<needle.offset + opening.utf8.count + 8
          for isPrompt in asked % 2 == 0 ? [false] : [true] {
            try withTemporaryDirectory { directory in
              let text = isPrompt ? haystack.text.dropLast(opening.utf8.count) : haystack.text[...]
              try Data(text).write(to: URL(fileURLWithPath: directory + "/text"))
              let run = try runRingflash(
                ["--context", directory + "/text", "--model", model, "--max-tokens", "7"]
                  + (isPrompt ? ["--prompt", opening] : [])
                  + ["--sources", "3", "--report", directory + "/report", "--quiet"])
              let name = "\(model), \(tokens) tokens, needle \(asked), prompt: \(isPrompt)"
              expectSuccess(run, name)
              let record = try Record(path: directory + "/report")
              let first = try #require(places(record).first ?? nil, "\(name)")
              #expect(
                first.text.contains(opening + needle.passkey) && first.layers == [matching],
                "\(name): \(first)")
              #expect(
                first.bytes == first.tokens
                  && (first.bytes[0]..<first.bytes[1]).overlaps(sentence), "\(name): \(first)")
              let each = tokenPlaces(record)
              #expect(each.count == record.tokenIDs.count)
              for (token, places) in each.enumerated() {
                #expect(
                  (places.first ?? nil)?.text.contains(needle.passkey) == true,
                  "\(name), token \(token)")
              }
            }
          }
        }
      }
    }

    /// No number of ranks shows in them, and to ask for them changes no digest; nor does a context that
    /// was saved, whose text is decoded.
    @Test func sourcesAreTheSameOnAnyNumberOfRanks() throws {
      let haystack = try Haystack.make(tokens: 2_000, needles: 3, asked: 2, seed: 5)
      try withTemporaryDirectory { directory in
        try Data(haystack.text).write(to: URL(fileURLWithPath: directory + "/text"))
        func record(_ arguments: [String], ranks: Int?) throws -> Record {
          let run = try runRingflash(
            arguments + ["--max-tokens", "7", "--json", "--quiet"], ranks: ranks)
          expectSuccess(run, "\(arguments), \(ranks ?? 0) ranks")
          return try Record(json: Data(run.output))
        }
        func sources(_ record: Record) throws -> Data {
          try JSONSerialization.data(
            withJSONObject: [record.values["sources"]!, record.values["token_sources"]!],
            options: .sortedKeys)
        }
        let text = ["--context", directory + "/text"]
        let plain = try record(text + ["--save", directory + "/saved"], ranks: nil)
        #expect(places(plain).isEmpty && tokenPlaces(plain).isEmpty)
        let alone = try record(text + ["--sources", "3"], ranks: nil)
        #expect(alone.digest == plain.digest && !places(alone).isEmpty)
        for ranks in [1, 2, 3, 8] {
          let other = try record(text + ["--sources", "3"], ranks: ranks)
          #expect(try sources(other) == sources(alone), "\(ranks) ranks")
          #expect(other.digest == plain.digest, "\(ranks) ranks")
        }
        let resumed = try record(
          ["--resume", directory + "/saved", "--sources", "3"], ranks: 2)
        #expect(resumed.digest == plain.digest)
        #expect(places(resumed).map { $0?.text } == places(alone).map { $0?.text })
        #expect(places(resumed).allSatisfy { $0?.bytes == [] })
      }
    }

    /// The list on standard error, the page, and what stands in a configuration file.
    @Test func listAndPage() throws {
      let haystack = try Haystack.make(tokens: 1_000, needles: 1, seed: 2)
      let passkey = haystack.needles[0].passkey
      try withTemporaryDirectory { directory in
        try Data(haystack.text).write(to: URL(fileURLWithPath: directory + "/text"))
        try Data("sources: 2\nsources-html: \(directory)/page.html\n".utf8).write(
          to: URL(fileURLWithPath: directory + "/config.yaml"))
        let run = try runRingflash(
          ["--context", directory + "/text", "--config", directory + "/config.yaml"], ranks: 2)
        #expect(run.exitCode == 0, "\(run.error)")
        #expect(run.text == passkey + ".\n")
        let lines = run.error.split(separator: "\n")
        let title = try #require(lines.firstIndex(of: "sources"))
        #expect(lines[title + 1].contains("layer 5: The secret passkey of "))
        #expect(lines[title + 1].contains(passkey))
        let page = try String(contentsOfFile: directory + "/page.html", encoding: .utf8)
        #expect(page.hasPrefix("<!DOCTYPE html>") && page.contains("id=\"place1\""))
        #expect(page.contains("<blockquote>\(passkey).</blockquote>"))
        #expect(!run.text.contains("sources"))
      }
    }

    /// Each of many answers has its own, in any batch.
    @Test func manyQuestions() throws {
      let haystack = try Haystack.make(
        tokens: 2_500, needles: 5, endsWithQuestion: false, seed: 3)
      try withTemporaryDirectory { directory in
        try Data(haystack.text).write(to: URL(fileURLWithPath: directory + "/text"))
        try Data(haystack.needles.map(\.promptLine).joined().utf8).write(
          to: URL(fileURLWithPath: directory + "/prompts"))
        var outputs: [[String]] = []
        for (batch, ranks) in [("1", nil), ("3", 3), ("16", 2)] as [(String, Int?)] {
          let run = try runRingflash(
            [
              "--context", directory + "/text", "--prompts", directory + "/prompts", "--batch",
              batch, "--sources", "2", "--quiet",
            ], ranks: ranks)
          expectSuccess(run, "batch \(batch)")
          outputs.append(run.text.split(separator: "\n").map(String.init).sorted())
          for line in outputs.last! {
            let record = try Record(json: Data(line.utf8))
            let number = try #require(record.values["id"] as? Int)
            let needle = haystack.needles[number - 1]
            #expect((places(record).first ?? nil)?.text.contains(needle.passkey) == true, "\(line)")
          }
        }
        #expect(outputs[0].count == 5 && outputs[1] == outputs[0] && outputs[2] == outputs[0])
      }
    }

    @Test func mistakes() throws {
      try withTemporaryDirectory { directory in
        try Data("some text".utf8).write(to: URL(fileURLWithPath: directory + "/text"))
        try Data("sources: 0\n".utf8).write(to: URL(fileURLWithPath: directory + "/zero.yaml"))
        let context = ["--context", directory + "/text"]
        for (arguments, code, words) in [
          (["--sources", "0"], 64, "1 to 100"), (["--sources", "-2"], 64, "1 to 100"),
          (["--sources", "3", "--max-tokens", "0"], 64, "--max-tokens 0"),
          (["--config", directory + "/zero.yaml"], 65, "zero.yaml:1:"),
          (["--sources-html", directory + "/none/page"], 74, "does not exist"),
          (["--sources-html", directory], 74, "is a directory"),
          (["--sources-html", directory + "/text"], 64, "would overwrite the context"),
        ] as [([String], Int32, String)] {
          for ranks in [nil, 3] {
            let run = try runRingflash(context + arguments, ranks: ranks)
            #expect(run.exitCode == code && run.messages.count == 1, "\(arguments): \(run.error)")
            #expect(run.messages.first?.contains(words) == true, "\(arguments): \(run.error)")
            #expect(run.output.isEmpty)
          }
        }
      }
    }
  }
}
