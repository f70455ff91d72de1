import CommandLine
import Foundation
import ModelFiles
import TestSupport
import Testing

extension EndToEndTests {
  /// Where a model's weights come from, and what a run is told of them.
  @Suite(.serialized) struct Weights {
    private func ids(_ directory: String, count: Int = 600) throws -> String {
      let path = directory + "/ids.json"
      let ids = (0..<count).map { ($0 * $0 + 7 * $0) % 256 }
      try Data("\(ids)".utf8).write(to: URL(fileURLWithPath: path))
      return path
    }

    private func record(
      _ arguments: [String], ranks: Int?, environment: [String: String] = [:]
    ) throws -> Record {
      let run = try runRingflash(
        arguments + ["--max-tokens", "3", "--quiet", "--json"], ranks: ranks,
        environment: environment)
      expectSuccess(run, "\(arguments) on \(ranks ?? 1) ranks")
      return try Record(json: Data(run.output))
    }

    /// One model, whose values all three types have, written in each: one digest on 1, 2 and 3
    /// ranks.
    @Test(arguments: ["bf16", "fp32"])
    func everyTypeIsTheSameModel(precision: String) throws {
      try withTemporaryDirectory { directory in
        let tokens = try ids(directory)
        var digests: Set<String> = []
        for type in [TensorElementType.bfloat16, .float16, .float32] {
          let path = "\(directory)/\(type.rawValue)"
          try writeRandomModel(to: path, type: type)
          for ranks in [1, 2, 3] {
            let record = try record(
              ["--model", path, "--token-ids", tokens, "--precision", precision], ranks: ranks)
            digests.insert(record.digest)
            #expect(record.values["random_weights"] as? Bool == false)
            #expect(record.integers("peak_private_bytes").count == ranks)
            for (own, all) in zip(
              record.integers("peak_private_bytes"), record.integers("peak_resident_bytes"))
            {
              #expect(own > 0 && own <= all)
            }
          }
        }
        #expect(digests.count == 1)
      }
    }

    /// From a configuration alone, beside weights that are not looked at, and said in YAML.
    @Test(arguments: ["bf16", "fp32"])
    func randomWeights(precision: String) throws {
      try withTemporaryDirectory { directory in
        let tokens = try ids(directory)
        let path = directory + "/model"
        try writeRandomModel(to: path)
        let arguments = ["--model", path, "--token-ids", tokens, "--precision", precision]
        let own = try record(arguments, ranks: nil)
        let random = arguments + ["--random-weights", "--threads"]
        let first = try record(random + ["1"], ranks: 1)
        #expect(first.values["random_weights"] as? Bool == true)
        #expect(first.digest != own.digest)
        // Broken weights are not looked at either.
        try Data("x".utf8).write(to: URL(fileURLWithPath: path + "/model.safetensors"))
        #expect(try record(random + ["2"], ranks: 2).digest == first.digest)
        try FileManager.default.removeItem(atPath: path + "/model.safetensors")
        #expect(try record(random + ["1"], ranks: 3).digest == first.digest)
        let yaml = directory + "/settings.yaml"
        try Data("random-weights: true\nmodel: \(path)\n".utf8).write(
          to: URL(fileURLWithPath: yaml))
        let said = try record(
          ["--config", yaml, "--token-ids", tokens, "--precision", precision], ranks: 2)
        #expect(said.digest == first.digest && said.values["random_weights"] as? Bool == true)
      }
    }

    @Test func randomWeightsNeedADirectoryAndIds() throws {
      try withTemporaryDirectory { directory in
        let tokens = try ids(directory)
        try expectFailure(
          ["--random-weights", "--token-ids", tokens], 64, ["--random-weights", "--model"])
        let path = directory + "/model"
        try writeRandomModel(to: path)
        try expectFailure(
          ["--random-weights", "--model", path, "--context", tokens], 66,
          ["tokenizer.json", "--token-ids"])
      }
    }

    /// As large as a configuration may be: refused before memory is taken for it.
    @Test func giantsAreRefused() throws {
      try withTemporaryDirectory { directory in
        let tokens = try ids(directory)
        let path = directory + "/model"
        try writeRandomModel(to: path) {
          $0["intermediate_size"] = 1 << 20
          $0["hidden_size"] = 1 << 17
          $0["vocab_size"] = 1 << 24
        }
        let arguments = ["--model", path, "--token-ids", tokens, "--random-weights"]
        try expectFailure(arguments, 69, ["GB", "weights"])
        try writeRandomModel(to: path, overwrite: true) {
          $0["hidden_size"] = 1 << 17
          $0["num_hidden_layers"] = 4096
          $0["layer_types"] = nil
          $0["no_rope_layers"] = nil
        }
        try expectFailure(arguments, 65, [path, "norms"])
      }
    }

    /// A name of the Hub leads to the snapshot in the cache that the environment names.
    @Test(arguments: [("org/name", 1), ("org/name", 2), ("org/name@c0ffee", 1)])
    func modelsOfTheHubCache(name: String, ranks: Int) throws {
      try withTemporaryDirectory { directory in
        let tokens = try ids(directory)
        let snapshot = directory + "/hub/models--org--name/snapshots/c0ffee"
        try writeRandomModel(to: snapshot)
        let found = try record(
          ["--model", name, "--token-ids", tokens], ranks: ranks,
          environment: Self.cache(directory))
        #expect(found.values["model"] as? String == snapshot)
        let inspected = try runRingflash(["inspect", name], environment: Self.cache(directory))
        expectSuccess(inspected, "inspect")
        #expect(inspected.text.contains(snapshot))
      }
    }

    @Test func modelsThatTheHubCacheLacks() throws {
      try withTemporaryDirectory { directory in
        let tokens = try ids(directory)
        let snapshot = directory + "/hub/models--org--name/snapshots/c0ffee"
        try writeRandomModel(to: snapshot)
        try expectFailure(
          ["--model", "org/other", "--token-ids", tokens], 66,
          ["org/other", directory + "/hub", "hf download org/other"],
          environment: Self.cache(directory))
        try FileManager.default.removeItem(atPath: snapshot + "/model.safetensors")
        try expectFailure(
          ["--model", "org/name", "--token-ids", tokens], 66,
          [snapshot, "hf download org/name"], environment: Self.cache(directory))
      }
    }

    /// An environment whose cache is below the directory.
    private static func cache(_ directory: String) -> [String: String] {
      ["HF_HUB_CACHE": "", "HF_HOME": directory]
    }

    /// What the model's makers suggest and ringflash does not do is said, once, and only at the
    /// level of warnings.
    @Test func settingsThatAreNotAppliedAreWarnedOf() throws {
      try withTemporaryDirectory { directory in
        let tokens = try ids(directory)
        let path = directory + "/model"
        try writeRandomModel(to: path)
        try Data(#"{"no_repeat_ngram_size": 3}"#.utf8).write(
          to: URL(fileURLWithPath: path + "/generation_config.json"))
        let arguments = [
          "--model", path, "--token-ids", tokens, "--max-tokens", "1", "--quiet", "--log-level",
        ]
        for (level, warnings) in [("warning", 1), ("error", 0)] {
          let run = try runRingflash(arguments + [level], ranks: 2)
          expectSuccess(run, level)
          let lines = run.error.split(separator: "\n").filter {
            $0.contains("no_repeat_ngram_size")
          }
          #expect(lines.count == warnings, "\(run.error)")
          #expect(lines.allSatisfy { $0.contains("generation_config.json") && $0.contains(": 3") })
        }
      }
    }

    /// What `inspect` says a run takes: from the weights, from a configuration alone, and as the
    /// run itself then has it.
    @Test func inspectOfARun() throws {
      try withTemporaryDirectory { directory in
        let tokens = try ids(directory)
        let path = directory + "/model"
        try writeRandomModel(to: path)
        func inspect(_ options: [String], ranks: Int? = nil) throws -> [String: Any] {
          let run = try runRingflash(["inspect", path, "--json"] + options, ranks: ranks)
          expectSuccess(run, "\(options)")
          return try #require(
            try JSONSerialization.jsonObject(with: Data(run.output)) as? [String: Any])
        }
        let model = try inspect([])
        #expect(model["memory"] == nil && model["weights"] as? String == "files")
        let parameters = try #require(model["parameters"] as? Int)
        #expect(model["stored_types"] as? [String: Int] == ["BF16": parameters])

        for precision in ["bf16", "fp32"] {
          let options = ["--tokens", "600", "--max-tokens", "3", "--precision", precision]
          let memory = try #require(
            try inspect(options + ["--ranks", "3"])["memory"] as? [String: Any])
          let record = try record(
            ["--model", path, "--token-ids", tokens, "--precision", precision], ranks: 3)
          #expect(memory["kv_bytes_per_rank"] as? Int == record.integers("kv_bytes").max())
          #expect(memory["shared_weight_bytes"] as? Int == 0)
          #expect(try #require(memory["mapped_weight_bytes"] as? Int) > 0)
          #expect(memory["fits"] as? Bool == true)
          let job = try #require(try inspect(options, ranks: 3)["memory"] as? [String: Any])
          #expect(job["ranks"] as? Int == 3)
          #expect(job["kv_bytes_per_rank"] as? Int == memory["kv_bytes_per_rank"] as? Int)
        }
        let huge = try #require(
          try inspect(["--tokens", "2147483647", "--max-tokens", "2147483647"])["memory"]
            as? [String: Any])
        #expect(huge["fits"] as? Bool == false)

        try FileManager.default.removeItem(atPath: path + "/model.safetensors")
        let alone = try inspect(["--tokens", "600"])
        #expect(alone["parameters"] as? Int == parameters)
        #expect(alone["weights"] as? String == "none")
        // Nothing says how they are stored, so they may have to be converted.
        #expect((alone["assumed_weights"] as? String)?.contains("F16") == true)
        let counted = try #require(alone["memory"] as? [String: Any])
        #expect(try #require(counted["shared_weight_bytes"] as? Int) >= 2 * 9 * parameters / 10)
        let text = try runRingflash(["inspect", path, "--tokens", "600", "--ranks", "2"])
        expectSuccess(text, "text")
        for word in ["not in the directory", "2 ranks", "KV cache", "total", "fits, with weights"] {
          #expect(text.text.contains(word), "\(word) in \(text.text)")
        }
        let random = try inspect(["--tokens", "600", "--random-weights"])
        let memory = try #require(random["memory"] as? [String: Any])
        #expect(try #require(memory["shared_weight_bytes"] as? Int) >= parameters)
        #expect(random["weights"] as? String == "random")
        for (arguments, word) in [
          (["inspect", "--random-weights"], "--model"), (["inspect", "--tokens", "0"], "--tokens"),
          (["inspect", "--ranks", "0", "--tokens", "9"], "--ranks"),
        ] {
          try expectFailure(arguments, 64, [word])
        }
      }
    }
  }
}
