import Foundation
import ModelFiles
import Testing

/// A model directory with one thing wrong, made from a good one.
struct BrokenModel: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let exitCode: Int32
  /// What the message must contain besides the directory's path.
  let message: String
  /// Takes the path of a good model directory and breaks it.
  let breakModel: @Sendable (String) throws -> Void

  init(
    _ name: String, _ exitCode: Int32, _ message: String,
    _ breakModel: @escaping @Sendable (String) throws -> Void
  ) {
    testDescription = name
    self.exitCode = exitCode
    self.message = message
    self.breakModel = breakModel
  }

  static let norm = "model.norm.weight"

  static let all: [BrokenModel] = [
    BrokenModel("no directory", 66, "model directory") {
      try FileManager.default.removeItem(atPath: $0)
    },
    BrokenModel("a file in place of the directory", 66, "is a file") {
      try FileManager.default.removeItem(atPath: $0)
      try write("{}", to: $0)
    },
    BrokenModel("no config.json", 66, "config.json") { try remove($0 + "/config.json") },
    BrokenModel("a config.json that is not JSON", 65, "config.json") {
      try write("{\"model_type\": \"smollm3\",", to: $0 + "/config.json")
    },
    BrokenModel("an unknown architecture", 65, "\"smollm3\"") {
      try write("{\"model_type\": \"gpt99\"}", to: $0 + "/config.json")
    },
    BrokenModel("heads that cannot be grouped", 65, "heads") {
      try changeConfiguration($0) { $0["num_attention_heads"] = 5 }
    },
    BrokenModel("a setting of the wrong type", 65, "hidden_size") {
      try changeConfiguration($0) { $0["hidden_size"] = "192" }
    },
    BrokenModel("a shape that is not the configuration's", 65, "embed_tokens") {
      try changeConfiguration($0) { $0["vocab_size"] = 301 }
    },
    BrokenModel("no weights", 66, "model.safetensors") { try remove($0 + "/model.safetensors") },
    BrokenModel("empty weights", 65, "model.safetensors") {
      try write("", to: $0 + "/model.safetensors")
    },
    BrokenModel("weights cut short in the header", 65, "cut short") {
      try changeWeights($0) { $0.prefix(100) }
    },
    BrokenModel("weights cut short in the data", 65, "cut short") {
      try changeWeights($0) { $0.dropLast(1) }
    },
    BrokenModel("a header that is not JSON", 65, "model.safetensors") {
      try changeWeights($0) { $0.prefix(8) + [UInt8(ascii: "[")] + $0.dropFirst(9) }
    },
    BrokenModel("overlapping offsets", 65, "overlap") {
      try changeHeader($0) { header in
        let (name, tensor) = try second(of: header)
        let offsets = tensor["data_offsets"] as! [Int]
        header[name] = tensor.merging(["data_offsets": offsets.map { $0 - 2 }]) { $1 }
      }
    },
    BrokenModel("offsets past the end", 65, "model.safetensors") {
      try changeHeader($0) { header in
        let tensor = header[norm] as! [String: Any]
        header[norm] = tensor.merging(["data_offsets": [1 << 40, 1 << 40 + 384]]) { $1 }
      }
    },
    BrokenModel("a missing tensor", 65, norm) {
      try changeHeader($0) { $0["other"] = $0.removeValue(forKey: norm) }
    },
    BrokenModel("a wrong shape", 65, norm) {
      try changeHeader($0) { header in
        let tensor = header[norm] as! [String: Any]
        header[norm] = tensor.merging(["shape": [96, 2]]) { $1 }
      }
    },
    BrokenModel("a type that is not supported", 65, norm) {
      try changeHeader($0) { header in
        header[norm] = (header[norm] as! [String: Any]).merging(["dtype": "I16"]) { $1 }
      }
    },
    BrokenModel("a number of layers below zero", 65, "the number of layers is -1") {
      try changeConfiguration($0) { $0["num_hidden_layers"] = -1 }
    },
    BrokenModel("layers without end", 65, "the number of layers") {
      try changeConfiguration($0) { $0["num_hidden_layers"] = 1 << 60 }
    },
    BrokenModel("no width", 65, "the hidden size is 0") {
      try changeConfiguration($0) { $0["hidden_size"] = 0 }
    },
    BrokenModel("a width that overflows", 65, "the hidden size") {
      try changeConfiguration($0) { $0["hidden_size"] = Int.max }
    },
    BrokenModel("an MLP that overflows", 65, "intermediate size") {
      try changeConfiguration($0) { $0["intermediate_size"] = Int.max }
    },
    BrokenModel("a vocabulary below zero", 65, "the vocabulary size is -300") {
      try changeConfiguration($0) { $0["vocab_size"] = -300 }
    },
    BrokenModel("a size beyond integers", 65, "vocab_size") {
      try changeConfiguration($0) { $0["vocab_size"] = 1e30 }
    },
    BrokenModel("no heads", 65, "heads is 0") {
      try changeConfiguration($0) { $0["num_attention_heads"] = 0 }
    },
    BrokenModel("a head dimension that overflows", 65, "head dimension") {
      try changeConfiguration($0) { $0["head_dim"] = Int.max }
    },
    BrokenModel("a window below zero", 65, "sliding window") {
      try changeConfiguration($0) { $0["sliding_window"] = -5 }
    },
    BrokenModel("an index with a missing shard", 66, "model.safetensors.index.json") {
      try remove($0 + "/model.safetensors")
      try write(
        "{\"weight_map\": {\"a\": \"one.safetensors\"}}", to: $0 + "/model.safetensors.index.json")
    },
    BrokenModel("an index that leaves the directory", 65, "plain file name") {
      try remove($0 + "/model.safetensors")
      try write(
        "{\"weight_map\": {\"a\": \"../ids\"}}", to: $0 + "/model.safetensors.index.json")
    },
    BrokenModel("an end outside the vocabulary", 65, "generation_config.json") {
      try write("{\"eos_token_id\": 300}", to: $0 + "/generation_config.json")
    },
    BrokenModel("a generation_config.json that is not JSON", 65, "generation_config.json") {
      try write("no", to: $0 + "/generation_config.json")
    },
    BrokenModel("an empty stop text", 65, "generation_config.json") {
      try write("{\"stop_strings\": [\"a\", \"\"]}", to: $0 + "/generation_config.json")
    },
    BrokenModel("a probability above 1", 65, "generation_config.json") {
      try write("{\"do_sample\": true, \"top_p\": 2}", to: $0 + "/generation_config.json")
    },
    BrokenModel("a penalty of 0", 65, "repetition_penalty") {
      try write("{\"repetition_penalty\": 0}", to: $0 + "/generation_config.json")
    },
    BrokenModel("a temperature below 0", 65, "generation_config.json") {
      try write("{\"do_sample\": true, \"temperature\": -1}", to: $0 + "/generation_config.json")
    },
  ]

  private static func write(_ text: String, to path: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
  }

  private static func remove(_ path: String) throws {
    try FileManager.default.removeItem(atPath: path)
  }

  private static func changeConfiguration(
    _ directory: String, _ change: (inout [String: Any]) -> Void
  ) throws {
    let url = URL(fileURLWithPath: directory + "/config.json")
    var json = try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as! [String: Any]
    change(&json)
    try JSONSerialization.data(withJSONObject: json).write(to: url)
  }

  private static func changeWeights(
    _ directory: String, _ change: (Data) throws -> Data
  ) throws {
    let url = URL(fileURLWithPath: directory + "/model.safetensors")
    try change(Data(contentsOf: url)).write(to: url)
  }

  /// Changes the header, its length kept right.
  private static func changeHeader(
    _ directory: String, _ change: (inout [String: Any]) throws -> Void
  ) throws {
    try changeWeights(directory) { file in
      let length = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
      var header =
        try JSONSerialization.jsonObject(with: file[8..<8 + length]) as! [String: Any]
      try change(&header)
      let json = try JSONSerialization.data(withJSONObject: header)
      let start = withUnsafeBytes(of: UInt64(json.count).littleEndian) { Data($0) }
      return start + json + file.dropFirst(8 + length)
    }
  }

  /// The tensor that follows the first in the data.
  private static func second(
    of header: [String: Any]
  ) throws -> (name: String, tensor: [String: Any]) {
    let tensors = header.compactMapValues { $0 as? [String: Any] }
      .filter { $0.value["data_offsets"] != nil }
      .sorted { ($0.value["data_offsets"] as! [Int])[0] < ($1.value["data_offsets"] as! [Int])[0] }
    return (tensors[1].key, tensors[1].value)
  }
}
