import CommandLine
import Foundation
import Kernels
import TestSupport
import Testing

extension EndToEndTests {
  /// The commands that only tell something: right, and printed once however many ranks there are.
  @Suite(.serialized) struct Information {
    /// Runs alone and on 2 ranks, and returns both texts.
    private func texts(_ arguments: [String]) throws -> (alone: String, ranks: String) {
      let runs = try [nil, 2].map { try runRingflash(arguments, ranks: $0) }
      for run in runs {
        expectSuccess(run, "\(arguments)")
        #expect(run.error.isEmpty, "\(arguments): \(run.error)")
      }
      return (runs[0].text, runs[1].text)
    }

    @Test(arguments: [
      (["--help"], "USAGE: ringflash "), (["-h"], "USAGE: ringflash "),
      (["help"], "USAGE: ringflash "), (["help", "generate"], "USAGE: ringflash generate "),
      (["generate", "--help"], "USAGE: ringflash generate "),
      (["help", "bench", "attention"], "USAGE: ringflash bench attention "),
      (["--version"], "0.1.0"), (["inspect"], "needle (built in"),
      (["inspect", "needle-moe"], "needle-moe (built in"),
    ])
    func sameEverywhere(arguments: [String], word: String) throws {
      let (alone, ranks) = try texts(arguments)
      #expect(alone == ranks)
      #expect(alone.components(separatedBy: word).count == 2, "\(word) in \(alone)")
      #expect(alone.hasSuffix("\n") && !alone.hasSuffix("\n\n"))
    }

    @Test func info() throws {
      let texts = try texts(["info"])
      for (text, ranks) in [(texts.alone, 1), (texts.ranks, 2)] {
        #expect(text.contains("ranks             \(ranks) on 1 host"), "\(text)")
        #expect(text.components(separatedBy: "instruction set").count == 2)
      }
      let objects = try self.texts(["info", "--json"])
      for (text, ranks) in [(objects.alone, 1), (objects.ranks, 2)] {
        let info = try jsonObject(text)
        #expect(info["ranks"] as? Int == ranks)
        #expect((info["hosts"] as? [String])?.count == 1)
        #expect(
          info["instruction_sets_available"] as? [String]
            == InstructionSet.available.map(\.rawValue))
        #expect(try #require(info["multiply_add_gflops"] as? Double) > 0)
        #expect(try #require(info["read_gb_per_second"] as? Double) > 0)
        // What is read must not fit the cache, unless that would take half of the memory.
        let read = try #require(info["read_bytes"] as? Int)
        let cache = try #require(info["last_level_cache_bytes"] as? Int)
        let memory = try #require(info["available_memory_bytes"] as? Int)
        #expect(cache > 0 && (read == 2 * cache || 4 * cache > memory / 2), "\(info)")
      }
    }

    @Test func inspect() throws {
      try withTemporaryDirectory { directory in
        let path = directory + "/model"
        try writeRandomModel(to: path)
        let (alone, ranks) = try texts(["inspect", path])
        #expect(alone == ranks)
        for word in [path, "smollm3", "6 query, 2 KV, of dimension 32", "takes --token-ids only"] {
          #expect(alone.contains(word), "\(word) in \(alone)")
        }
        let model = try jsonObject(try texts(["inspect", path, "--json"]).ranks)
        #expect(model["layers"] as? Int == 4 && model["sliding_window_layers"] as? Int == 2)
        #expect(model["query_heads"] as? Int == 6 && model["key_value_heads"] as? Int == 2)
        let heads = try #require(model["heads"] as? [[String: Int]])
        #expect(heads.map { $0["query_heads"] } == [6] && heads[0]["layers"] == 4)
        // Keys and values of 2 heads of 32 in 4 layers, 2 bytes each.
        #expect(model["kv_bytes_per_token"] as? Int == 2 * 2 * 32 * 4 * 2)
        #expect(model["has_tokenizer"] as? Bool == false)
        // Every number that is stored: the file is its header and 2 bytes for each.
        let parameters = try #require(model["parameters"] as? Int)
        let file = try Data(contentsOf: URL(fileURLWithPath: path + "/model.safetensors"))
        let header = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        #expect(file.count == 8 + header + 2 * parameters)
      }
    }

    private func jsonObject(_ text: String) throws -> [String: Any] {
      try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }
  }
}
