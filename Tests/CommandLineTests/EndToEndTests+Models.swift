import CommandLine
import Foundation
import TestSupport
import Testing

extension EndToEndTests {
  /// Published models as they are: what is warned of, and what is said of what cannot run.
  @Suite(.serialized) struct Models {
    private func ids(_ directory: String, count: Int = 600) throws -> String {
      let path = directory + "/ids.json"
      let ids = (0..<count).map { ($0 * $0 + 7 * $0) % 256 }
      try Data("\(ids)".utf8).write(to: URL(fileURLWithPath: path))
      return path
    }

    /// Keys that nobody knows, tensors that nothing uses and a sequence beyond its chunk are a warning
    /// each, on the log, in the record and from `inspect`; `--strict` refuses the first.
    @Test func whatAModelWarnsOf() throws {
      try withTemporaryDirectory { directory in
        let tokens = try ids(directory)
        let path = directory + "/model"
        try writeRandomModel(to: path) {
          for index in 0..<40 { $0["magic_\(index)"] = index }
          $0["dual_chunk_attention_config"] = ["chunk_size": 500]
          $0["num_hidden_layers"] = 3
          $0["layer_types"] = nil
          $0["no_rope_layers"] = nil
        }
        let arguments = ["--model", path, "--token-ids", tokens]
        let words = ["\"magic_39\"", "\"model.layers.3.", "dual chunk attention"]
        func expect(_ warnings: [String]?, _ name: Comment) {
          #expect(warnings?.count == 3, name)
          for (warning, word) in zip(warnings ?? [], words) {
            #expect(warning.contains(word), name)
          }
        }
        let run = try runRingflash(
          arguments + ["--max-tokens", "1", "--quiet", "--json"], ranks: 2)
        expectSuccess(run, "record")
        expect(try Record(json: Data(run.output)).values["warnings"] as? [String], "record")
        #expect(run.error.split(separator: "\n").count == 3, "\(run.error)")
        let inspected = try runRingflash(["inspect", path, "--json", "--tokens", "600"])
        expectSuccess(inspected, "inspect")
        let report = try JSONSerialization.jsonObject(with: Data(inspected.output))
        expect((report as? [String: Any])?["warnings"] as? [String], "inspect")
        let text = try runRingflash(["inspect", path])
        #expect(text.text.components(separatedBy: "\nwarning ").count == 3, "\(text.text)")

        let yaml = directory + "/strict.yaml"
        try Data("strict: true\n".utf8).write(to: URL(fileURLWithPath: yaml))
        for strict in [
          arguments + ["--strict"], arguments + ["--config", yaml], ["inspect", path, "--strict"],
        ] {
          try expectFailure(strict, 65, ["40 keys", "\"magic_0\"", path])
        }
      }
    }

    /// What stands in the place of a model, with the way to one that runs.
    @Test func whatIsInAModelsPlace() throws {
      try withTemporaryDirectory { directory in
        let (tokens, path) = (try ids(directory), directory + "/model")
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
        func write(_ name: String, _ text: String) throws {
          try Data(text.utf8).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
        }
        try writeRandomModel(to: path)
        try write("tokenizer.model", "x")
        try expectFailure(
          ["--model", path, "--context", tokens], 66,
          ["tokenizer.model", "save_pretrained", "--token-ids"])
        try write("tokenizer.json", pointer)
        try expectFailure(
          ["--model", path, "--context", tokens], 65, ["tokenizer.json", "git lfs pull"])
        try write("model.safetensors", pointer)
        let ids = ["--model", path, "--token-ids", tokens]
        try expectFailure(ids, 65, ["model.safetensors", "git lfs pull"])
        try FileManager.default.removeItem(atPath: path + "/model.safetensors")
        try write("pytorch_model.bin", "x")
        try expectFailure(ids, 66, [path, "pytorch_model.bin", "safetensors"])
        let asks: (inout [String: Any]) -> Void = {
          $0["is_causal"] = false
          $0["num_experts"] = 8
        }
        try writeRandomModel(to: path, overwrite: true, change: asks)
        try expectFailure(ids, 65, [path, "\"is_causal\": false", "\"num_experts\": 8"])
        try FileManager.default.removeItem(atPath: path + "/config.json")
        try write("adapter_config.json", #"{"base_model_name_or_path": "org/base"}"#)
        try expectFailure(ids, 66, [path, "LoRA", "\"org/base\""])
      }
    }
  }
}
