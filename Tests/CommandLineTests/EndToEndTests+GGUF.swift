import CommandLine
import Foundation
import Inference
import Kernels
import ModelFiles
import TestSupport
import Testing

extension EndToEndTests {
  /// `--model FILE.gguf`: a file runs as it is.
  @Suite(.serialized) struct GGUF {
    /// Calls `body` with a directory that has a random model as `model`, in Hugging Face layout, and as
    /// `m.gguf`, and ids in `ids.json`.
    private func withModel(
      _ architecture: String = "gemma3",
      _ body: (_ directory: String, _ file: GGUFWriter) throws -> Void
    ) throws {
      try withTemporaryDirectory { directory in
        let sample = GGUFSample(architecture)
        let model = directory + "/model"
        let configuration = Data(sample.configuration.utf8)
        try ModelDirectory.write(to: model, configuration: configuration, tensors: [])
        let outline = try ModelOutline(
          ModelDirectory(path: model), precision: .bf16, weights: .none)
        let tensors = try RandomModel(outline.configuration, seed: 8).tensors
        try ModelDirectory.write(
          to: model, configuration: configuration, tensors: tensors.map(\.asTensor),
          overwrite: true)
        let file = sample.file(tensors)
        try write(file.bytes, directory + "/m.gguf")
        let ids = (0..<600).map { ($0 * $0 + 7 * $0) % GGUFSample.vocabulary }
        try write(Array("\(ids)".utf8), directory + "/ids.json")
        try body(directory, file)
      }
    }

    private func write(_ bytes: [UInt8], _ path: String) throws {
      try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    private func record(_ arguments: [String], ranks: Int? = nil) throws -> Record {
      let run = try runRingflash(arguments + ["--max-tokens", "6", "--json"], ranks: ranks)
      expectSuccess(run, "\(arguments)")
      return try Record(json: Data(run.output))
    }

    @Test func itGivesWhatItsSafetensorsGive() throws {
      try withModel { directory, _ in
        let ids = ["--token-ids", directory + "/ids.json"]
        let expected = try record(["--model", directory + "/model"] + ids)
        let alone = try record(["--model", directory + "/m.gguf"] + ids)
        let together = try record(["--model", directory + "/m.gguf"] + ids, ranks: 3)
        for record in [alone, together] {
          #expect(record.digest == expected.digest && record.tokenIDs == expected.tokenIDs)
          #expect(record.values["model"] as? String == directory + "/m.gguf")
        }
        #expect(
          alone.values["model_identity"] as? String == together.values["model_identity"] as? String)
      }
    }

    /// A saved context knows its model again, by what it says and not by where it lies.
    @Test func aSavedContextIsOfTheFile() throws {
      try withModel("llama") { directory, file in
        let saved = directory + "/saved"
        let model = ["--model", directory + "/m.gguf"]
        let first = try record(
          model + ["--token-ids", directory + "/ids.json", "--save", saved], ranks: 2)
        #expect(try record(["--resume", saved]).digest == first.digest)
        let copy = directory + "/copy.gguf"
        try write(file.bytes, copy)
        #expect(try record(["--resume", saved, "--model", copy]).digest == first.digest)
        var other = file
        other.metadata.append(("general.description", .text("another one")))
        try write(other.bytes, copy)
        try expectFailure(
          ["--resume", saved, "--model", copy], 69, [saved, "model"], ranks: [2])
      }
    }

    @Test func inspectSaysWhatItIs() throws {
      try withModel { directory, file in
        let run = try runRingflash(["inspect", directory + "/m.gguf", "--json", "--tokens", "600"])
        expectSuccess(run, "inspect")
        let values = try Record(json: Data(run.output)).values
        #expect(values["model_type"] as? String == "gemma3_text")
        let storage = try #require(values["storage"] as? [String: [String: Int]])
        #expect(Set(storage.keys) == ["BF16", "F32"])
        #expect(
          storage.values.reduce(0) { $0 + ($1["tensors"] ?? 0) } == file.items.count)
        let text = try runRingflash(["inspect", directory + "/m.gguf"])
        #expect(text.text.contains("BF16 ("), "\(text.text)")
        var strange = file
        strange.metadata.append(("gemma3.magic", .uint32(1)))
        try write(strange.bytes, directory + "/m.gguf")
        let strict = ["--model", directory + "/m.gguf", "--strict"]
        try expectFailure(
          strict + ["--token-ids", directory + "/ids.json"], 65,
          ["\"gemma3.magic\"", directory + "/m.gguf has"], ranks: [2])
      }
    }

    /// Bad files end every rank with one sentence.
    @Test func whatCannotRunIsRefused() throws {
      try withModel("qwen3") { directory, file in
        let path = directory + "/m.gguf"
        let arguments = ["--model", path, "--token-ids", directory + "/ids.json"]
        func refused(_ words: [String], _ change: (inout GGUFWriter) -> Void) throws {
          var file = file
          change(&file)
          try write(file.bytes, path)
          try expectFailure(arguments, 65, words + [path], ranks: [2])
        }
        try refused(["mamba", "\"llama\""]) { $0.metadata[0].value = .text("mamba") }
        try refused(["qwen3.expert_count"]) {
          $0.metadata.append(("qwen3.expert_count", .uint32(8)))
        }
        try refused(["IQ2_XXS", "llama-quantize"]) { $0.items[3].type = 16 }
        try refused(["blk.6.ffn_up.weight"]) {
          $0.items.removeAll { $0.name == "blk.6.ffn_up.weight" }
        }
        try write(Array(file.bytes.dropLast(40)), path)
        try expectFailure(arguments, 65, [path, "cut short"], ranks: [2])
        try FileManager.default.removeItem(atPath: path)
        try expectFailure(arguments, 66, [path], ranks: [2])
        try expectFailure(
          ["--model", "none/m.gguf"] + arguments.dropFirst(2), 66,
          ["none/m.gguf: there is no such file"])
      }
    }

    /// Text has a tokenizer from elsewhere, and a chat template from the file.
    @Test func aTokenizerIsGivenBesides() throws {
      try withModel("llama") { directory, file in
        var file = file
        file.metadata += [
          ("tokenizer.chat_template", .text("{{ bos_token }}[{{ messages[0].content }}]")),
          (
            "tokenizer.ggml.tokens",
            .texts((0..<GGUFSample.vocabulary).map { $0 == 1 ? "<s>" : "t\($0)" })
          ),
        ]
        let path = directory + "/m.gguf"
        try write(file.bytes, path)
        try write(Array("aab".utf8), directory + "/text")
        let tokenizer = directory + "/tokenizer.json"
        try write(Array(Self.tokenizer.utf8), tokenizer)
        let text = ["--model", path, "--context", directory + "/text"]
        // The file has tokens, but does not say how they are found in a text.
        try expectFailure(text, 65, [path, "--tokenizer"], ranks: [2])
        let count = try runRingflash(["tokenize"] + text + ["--tokenizer", tokenizer])
        #expect(count.text == "[3,3,4]\n", "\(count.text) \(count.error)")
        let chat = try runRingflash(
          ["tokenize"] + text + ["--tokenizer", tokenizer, "--chat", "--json"])
        #expect(
          try Record(json: Data(chat.output)).text == "<s>[aab]", "\(chat.error)")
        let run = try record(text + ["--tokenizer", tokenizer], ranks: 2)
        #expect((run.values["tokens"] as? [String: Int])?["context"] == 3)
        try expectFailure(
          text + ["--tokenizer", directory + "/missing"], 66, [directory + "/missing"], ranks: [2])
        try expectFailure(
          ["--context", directory + "/text", "--tokenizer", tokenizer], 64, ["--tokenizer"])
        try expectFailure(
          text + ["--tokenizer", tokenizer, "--report", tokenizer], 64, ["the tokenizer"])
        try expectFailure(
          text + ["--tokenizer", tokenizer, "--report", path], 64, ["the model's file"])
      }
    }

    /// One token for each of a few characters.
    private static let tokenizer = """
      {
        "added_tokens": [{"id": 1, "content": "<s>", "special": true, "single_word": false,
          "lstrip": false, "rstrip": false, "normalized": false}],
        "normalizer": null, "pre_tokenizer": null, "post_processor": null, "decoder": null,
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "merges": [],
          "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": false,
          "byte_fallback": false, "vocab": {"[": 0, "<s>": 1, "]": 2, "a": 3, "b": 4}}
      }
      """
  }
}
