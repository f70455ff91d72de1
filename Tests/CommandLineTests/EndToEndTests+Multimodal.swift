import CommandLine
import Foundation
import TestSupport
import Testing

extension EndToEndTests {
  /// Models of text and images, which run as their text models.
  @Suite(.serialized) struct Multimodal {
    private func ids(_ directory: String) throws -> String {
      let path = directory + "/ids.json"
      let ids = (0..<600).map { ($0 * $0 + 7 * $0) % 256 }
      try Data("\(ids)".utf8).write(to: URL(fileURLWithPath: path))
      return path
    }

    /// The random model's settings as those of a `llava` model.
    private func wrap(_ settings: inout [String: Any], _ changes: [String: Any] = [:]) {
      settings = ["model_type": "llava", "vision_config": ["a": 1], "text_config": settings]
      settings.merge(changes) { $1 }
    }

    /// One warning, on the log, in the record and from `inspect`, and the logits of the text model.
    @Test func itRunsAsItsTextModelWithAWarning() throws {
      try withTemporaryDirectory { directory in
        let tokens = try ids(directory)
        let (plain, path) = (directory + "/plain", directory + "/model")
        try writeRandomModel(to: plain)
        try writeRandomModel(to: path) { wrap(&$0) }
        func record(_ model: String, _ more: [String] = []) throws -> Record {
          let run = try runRingflash(
            ["--model", model, "--token-ids", tokens, "--max-tokens", "4", "--quiet", "--json"]
              + more, ranks: 2)
          expectSuccess(run, "\(model)")
          let lines = run.error.split(separator: "\n").count
          #expect(lines == (model == plain ? 0 : 1), "\(run.error)")
          return try Record(json: Data(run.output))
        }
        for more in [[], ["--random-weights"]] {
          let (text, images) = (try record(plain, more), try record(path, more))
          #expect(images.digest == text.digest && text.digest != "none")
          let warnings = images.values["warnings"] as? [String] ?? []
          #expect(warnings.count == 1)
          for word in [path, "\"llava\"", "images are not supported"] {
            #expect(warnings.first?.contains(word) == true, "\(warnings)")
          }
        }
        let inspected = try runRingflash(["inspect", path])
        expectSuccess(inspected, "inspect")
        #expect(inspected.text.components(separatedBy: "\nwarning ").count == 2)

        // A saved context is the model's own.
        let saved = directory + "/context"
        _ = try record(path, ["--save", saved])
        try expectSuccess(
          runRingflash(["--resume", saved, "--max-tokens", "4", "--quiet"], ranks: 2), "resume")
        try expectFailure(
          ["--resume", saved, "--model", plain, "--max-tokens", "4"], 69, [saved])
      }
    }

    @Test func whatCannotRunIsRefused() throws {
      try withTemporaryDirectory { directory in
        let tokens = try ids(directory)
        let cases: [(changes: [String: Any], words: [String])] = [
          (["text_config": NSNull()], ["\"text_config\"", "\"llava\""]),
          (["text_config": "x"], ["\"text_config\""]),
          (["text_config": ["model_type": "gpt99"]], ["\"gpt99\"", "\"llava\""]),
          (
            ["text_config": ["model_type": "llama", "rope_scaling": ["alpha": 2]]],
            ["\"text_config.rope_scaling.alpha\""]
          ),
          (["architectures": ["LlavaLlamaForCausalLM"]], ["\"LlavaLlamaForCausalLM\""]),
          (
            ["model_type": "qwen3_5", "text_config": ["model_type": "qwen3_5_text"]],
            ["\"qwen3_5_text\""]
          ),
        ]
        for (index, (changes, words)) in cases.enumerated() {
          let path = "\(directory)/model-\(index)"
          try writeRandomModel(to: path) { wrap(&$0, changes) }
          try expectFailure(["--model", path, "--token-ids", tokens], 65, [path] + words)
          try expectFailure(["inspect", path], 65, [path] + words)
        }
        let path = directory + "/strict"
        try writeRandomModel(to: path) {
          $0["magic"] = 1
          wrap(&$0, ["wand": 1])
        }
        try expectFailure(
          ["--model", path, "--token-ids", tokens, "--strict"], 65,
          [path, "2 keys", "\"text_config.magic\"", "\"wand\""])
      }
    }
  }
}
