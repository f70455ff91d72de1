import CommandLine
import Foundation
import TestSupport
import Testing

extension EndToEndTests {
  /// Text through a model's own tokenizer, here a small one in the manner of Llama 2 that begins
  /// every sequence with `<s>`, with random weights.
  @Suite(.serialized) struct Text {
    private func withModel(
      text: String, _ body: (_ arguments: [String]) throws -> Void
    ) throws {
      try withTemporaryDirectory { directory in
        let configuration: [String: Any] = [
          "model_type": "llama", "hidden_size": 64, "intermediate_size": 128,
          "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
          "vocab_size": 2000, "max_position_embeddings": 5000,
        ]
        try JSONSerialization.data(withJSONObject: configuration).write(
          to: URL(fileURLWithPath: directory + "/config.json"))
        let tokenizer =
          URL(fileURLWithPath: #filePath).deletingLastPathComponent()
          .deletingLastPathComponent().path + "/TokenizersTests/Fixtures/families/llama-2.json"
        try FileManager.default.copyItem(
          atPath: tokenizer, toPath: directory + "/tokenizer.json")
        try Data(text.utf8).write(to: URL(fileURLWithPath: directory + "/text"))
        try body([
          "--model", directory, "--random-weights", "--context", directory + "/text",
          "--max-tokens", "5",
        ])
      }
    }

    /// The context has the token that begins a sequence, the prompt neither that nor a space of its
    /// own; so the text cut in two has as many tokens as the whole.
    @Test func contextBeginsTheSequenceAndThePromptGoesOn() throws {
      try withModel(text: "The ranks pass their blocks") { arguments in
        func tokens(_ more: [String], ranks: Int? = nil) throws -> (Record, [String: Int]) {
          let run = try runRingflash(arguments + ["--json"] + more, ranks: ranks)
          expectSuccess(run, "\(more)")
          let record = try Record(json: Data(run.output))
          return (record, try #require(record.values["tokens"] as? [String: Int]))
        }
        let (alone, counts) = try tokens([])
        // "▁The", "▁ranks", "▁pass", … and one before them.
        #expect(try #require(counts["context"]) > 5)
        let (_, withPrompt) = try tokens(["--prompt", " round"])
        let (_, withSpace) = try tokens(["--prompt", "round"])
        #expect(withPrompt["context"] == counts["context"])
        // "▁round" is a token of this vocabulary; "round" without a prefix is not.
        #expect(withPrompt["prompt"] == 1)
        #expect(try #require(withSpace["prompt"]) > 1)
        let (ranks, _) = try tokens([], ranks: 3)
        #expect(ranks.digest == alone.digest && ranks.text == alone.text)
        #expect(!alone.text.isEmpty && alone.tokenIDs.count == 5)
      }
    }

    /// Others wait for rank 0 while it encodes megabytes, so it says how far it is.
    @Test func aLongTextShowsHowFarItsTokensAre() throws {
      try withModel(text: String(repeating: "a few more words ", count: 130_000)) { arguments in
        let run = try runRingflash(arguments, ranks: 2)
        #expect(run.error.contains("tokenize: 2/2 megabytes in "), "\(run.error)")
        // It is too long for the model, which ends the run before the prefill.
        #expect(run.exitCode == 65 && run.messages.count == 1, "\(run.error)")
      }
    }
  }
}
