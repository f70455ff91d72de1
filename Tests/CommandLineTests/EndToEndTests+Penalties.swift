import CommandLine
import Foundation
import TestSupport
import Testing

extension EndToEndTests {
  /// Penalties on the command line, of a question and of a model, in a context that is saved.
  @Suite(.serialized) struct Penalties {
    private static let options = [
      "--repetition-penalty", "1.4", "--presence-penalty", "0.5", "--frequency-penalty", "0.25",
    ]

    private func record(_ arguments: [String], ranks: Int? = nil) throws -> Record {
      let run = try runRingflash(arguments + ["--json", "--quiet"], ranks: ranks)
      expectSuccess(run, "\(arguments)")
      return try Record(json: Data(run.output))
    }

    @Test func areTheSameWhereverTheyAreSaid() throws {
      try withTemporaryDirectory { directory in
        func write(_ name: String, _ text: String) throws {
          try Data(text.utf8).write(to: URL(fileURLWithPath: "\(directory)/\(name)"))
        }
        try write("text", String(repeating: "the code of the ring is 31415; ", count: 20))
        try write(
          "q.jsonl",
          """
          {"id": 1, "prompt": "the code", "max_tokens": 12, "stop": []}
          {"id": 2, "prompt": "the code", "max_tokens": 12, "stop": [], "repetition_penalty": 1.4, \
          "presence_penalty": 0.5, "frequency_penalty": 0.25}
          """)
        let saved = directory + "/saved"
        let asking = ["--prompt", "the code", "--max-tokens", "12", "--stop", "\u{1}"]
        let context = ["--context", directory + "/text"]
        let plain = try record(context + asking + ["--save", saved])
        let penalized = try record(context + asking + Self.options, ranks: 3)
        #expect(plain.tokenIDs.count == 12 && penalized.tokenIDs.count == 12)
        #expect(penalized.tokenIDs != plain.tokenIDs)
        // The token of a context is penalized after a restart, too.
        let resumed = try record(["--resume", saved] + asking + Self.options, ranks: 2)
        #expect(resumed.tokenIDs == penalized.tokenIDs && resumed.digest == penalized.digest)
        let sampling = try #require(resumed.values["sampling"] as? [String: Double])
        #expect(
          sampling == [
            "temperature": 0, "top_k": 0, "top_p": 1, "min_p": 0, "repetition_penalty": 1.4,
            "presence_penalty": 0.5, "frequency_penalty": 0.25,
          ])

        let answers = directory + "/answers"
        let file = ["--prompts", directory + "/q.jsonl", "--answers", answers]
        _ = try record(["--resume", saved] + file, ranks: 2)
        let lines = try String(contentsOfFile: answers, encoding: .utf8).split(separator: "\n")
        let both = try lines.map { try Record(json: Data($0.utf8)) }
        for record in both {
          let expected = record.values["id"] as? Int == 1 ? plain : penalized
          #expect(record.tokenIDs == expected.tokenIDs && record.digest == expected.digest)
        }
        #expect(both.count == 2)

        expectSuccess(try runRingflash(["export", directory + "/model"]), "export")
        try write("model/generation_config.json", #"{"repetition_penalty": 1.4, "min_p": 0.5}"#)
        let model = try record(["--model", directory + "/model"] + context + asking)
        let option = try record(context + asking + ["--repetition-penalty", "1.4"])
        #expect(model.tokenIDs == option.tokenIDs && model.tokenIDs != plain.tokenIDs)
        #expect((model.values["warnings"] as? [String])?.isEmpty == true)
      }
    }
  }
}
