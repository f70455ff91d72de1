import CommandLine
import Foundation
import TestSupport
import Testing

extension EndToEndTests {
  /// `tokenize`: the ids are those of `generate`.
  @Suite(.serialized) struct Tokenize {
    /// Calls `body` with a model that begins every sequence with `<s>` and has random weights.
    private func withModel(_ body: (_ directory: String) throws -> Void) throws {
      try withTemporaryDirectory { directory in
        let configuration: [String: Any] = [
          "model_type": "llama", "hidden_size": 64, "intermediate_size": 128,
          "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2,
          "vocab_size": 2000, "max_position_embeddings": 5000,
        ]
        try JSONSerialization.data(withJSONObject: configuration).write(
          to: URL(fileURLWithPath: directory + "/config.json"))
        let fixtures =
          URL(fileURLWithPath: #filePath).deletingLastPathComponent()
          .deletingLastPathComponent().path + "/TokenizersTests/Fixtures/families"
        try FileManager.default.copyItem(
          atPath: fixtures + "/llama-2.json", toPath: directory + "/tokenizer.json")
        for (name, text) in [
          ("text", "The ranks pass their blocks"), ("question", " round and round"),
          ("chat_template.jinja", "<s>[{{ x }}] {{ messages[-1].content }} [/]"),
        ] {
          try Data(text.utf8).write(to: URL(fileURLWithPath: "\(directory)/\(name)"))
        }
        try body(directory)
      }
    }

    private func output(
      _ arguments: [String], ranks: Int? = nil, input: String = ""
    ) throws -> String {
      let run = try runRingflash(["tokenize"] + arguments, ranks: ranks, input: input)
      expectSuccess(run, "\(arguments)")
      return run.text
    }

    private func generated(_ arguments: [String]) throws -> Record {
      let run = try runRingflash(arguments + ["--max-tokens", "5", "--json", "--quiet"])
      expectSuccess(run, "\(arguments)")
      return try Record(json: Data(run.output))
    }

    @Test func idsAreThoseOfGenerate() throws {
      try withModel { directory in
        let model = ["--model", directory]
        let context = ["--context", directory + "/text"]
        for more in [
          [], ["--prompt-file", directory + "/question"],
          ["--chat", "--template-variable", "x=[1]"],
          ["--chat", "--prompt", "why", "--system", "s", "--template-variable", "x=\"\""],
        ] {
          let record = try generated(model + ["--random-weights"] + context + more)
          let tokens = try #require(record.values["tokens"] as? [String: Int])
          let json = try Record(json: Data(output(model + context + more + ["--json"]).utf8))
          let counts = try #require(json.values["tokens"] as? [String: Int])
          #expect(counts == tokens.filter { $0.key != "generated" }, "\(more)")
          let ids = json.tokenIDs
          #expect(ids.count == tokens["context"]! + tokens["prompt"]!)
          #expect(json.values["count"] as? Int == ids.count)
          #expect(try output(model + context + more + ["--count"]) == "\(ids.count)\n")
          let array = try output(model + context + more, ranks: 2)
          #expect(array == "[" + ids.map(String.init).joined(separator: ",") + "]\n")
          // The context alone, as ids, is the same context.
          guard more.isEmpty else { continue }
          let path = directory + "/ids"
          try Data(array.utf8).write(to: URL(fileURLWithPath: path))
          let again = try generated(model + ["--random-weights", "--token-ids", path])
          #expect(again.digest == record.digest && again.tokenIDs == record.tokenIDs)
        }
      }
    }

    @Test func aPromptByItselfAndTheBuiltInModel() throws {
      try withModel { directory in
        // "▁round" without the token that begins a sequence.
        #expect(try output(["--model", directory, "--prompt", " round", "--count"]) == "1\n")
        let chat = try runRingflash([
          "tokenize", "--model", directory, "--context", directory + "/text", "--chat",
        ])
        #expect(chat.error == "<s>[] The ranks pass their blocks [/]\n")
      }
      #expect(try output(["--context", "-"], input: "é!") == "[195,169,33]\n")
      #expect(try output(["--context", "-", "--prompt", "a"], input: "b") == "[98,97]\n")
    }

    @Test func failures() throws {
      try withModel { directory in
        let pipe = directory + "/pipe"
        try FileManager.default.createDirectory(atPath: pipe, withIntermediateDirectories: false)
        try FileManager.default.copyItem(
          atPath: directory + "/config.json", toPath: pipe + "/config.json")
        let missing = try runRingflash(["tokenize", "--model", pipe, "--prompt", "a"])
        #expect(missing.exitCode == 66 && missing.error.contains("tokenizer.json"))
        #expect(mkfifo(pipe + "/tokenizer.json", 0o600) == 0)
        let cases: [(arguments: [String], exitCode: Int32, word: String)] = [
          ([], 64, "--context"), (["--prompt", "a", "--chat"], 64, "--context"),
          (["--prompt", "a", "--system", "b"], 64, "--chat"),
          (["--prompt", "a", "--count", "--json"], 64, "--json"),
          (["--prompt", "a", "--prompt-file", "b"], 64, "--prompt-file"),
          (["--context", "-", "--prompt-file", "-"], 64, "standard input"),
          (["--context", directory + "/none"], 66, "none"),
          (["--context", "-"], 65, "empty"), (["--context", "-", "--chat"], 65, "built-in"),
          (["--model", pipe, "--prompt", "a"], 66, "is not a regular file"),
          (["--model", "nobody/none", "--prompt", "a"], 66, "nobody/none"),
        ]
        for (arguments, exitCode, word) in cases {
          for ranks in [nil, 2] {
            let run = try runRingflash(["tokenize"] + arguments, ranks: ranks)
            #expect(run.exitCode == exitCode, "\(arguments): \(run.error)")
            #expect(run.messages.count == 1 && run.error.contains(word), "\(run.error)")
            #expect(run.output.isEmpty)
          }
        }
      }
    }
  }
}
