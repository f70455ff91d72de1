import Files
import Foundation
import ModelFiles
import TestSupport
import Testing

struct ModelDirectoryTests {
  private func tensor(_ name: String, _ value: Float) -> Tensor {
    Tensor(name: name, elementType: .float32, shape: [1], copying: [value])
  }

  private func value(_ tensor: Tensor?) -> Float? {
    tensor?.bytes.loadUnaligned(as: Float.self)
  }

  @Test func aDirectoryIsWrittenAndReadBack() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/new/model"
    try ModelDirectory.write(
      to: path, configuration: Data(#"{"model_type": "smollm3"}"#.utf8),
      generationConfiguration: Data(#"{"eos_token_id": 257}"#.utf8), tokenizer: Data("{}".utf8),
      tensors: [tensor("a", 1), tensor("b", 2)], metadata: ["format": "pt"])
    let model = try ModelDirectory(path: path)
    #expect(model.path == path)
    #expect(try model.configuration.string("model_type") == "smollm3")
    #expect(try model.generationConfiguration?.integer("eos_token_id") == 257)
    #expect(model.tokenizerPath == path + "/tokenizer.json")
    let tensors = try model.openTensors()
    #expect(tensors.names == ["a", "b"])
    #expect(value(tensors.tensor(named: "b")) == 2)
    #expect(try SafetensorsFile(path: tensors.paths[0]).metadata == ["format": "pt"])
  }

  @Test func filesThatAreThereAreOverwrittenOnlyWhenAsked() throws {
    for name in ["config.json", "generation_config.json", "tokenizer.json", "model.safetensors"] {
      let directory = try TemporaryDirectory()
      try directory.write(name, "old")
      func write(overwrite: Bool) throws {
        try ModelDirectory.write(
          to: directory.path, configuration: Data("{}".utf8),
          generationConfiguration: Data("{}".utf8),
          tokenizer: Data("{}".utf8), tensors: [tensor("a", 1)], overwrite: overwrite)
      }
      expectError(.writeFailed, naming: [name]) { try write(overwrite: false) }
      #expect(try directory.contents() == [name])
      #expect(try String(contentsOfFile: "\(directory.path)/\(name)", encoding: .utf8) == "old")
      try write(overwrite: true)
      #expect(try directory.contents().count == 4)
      #expect(value(try ModelDirectory(path: directory.path).openTensors().tensor(named: "a")) == 1)
    }
    let directory = try TemporaryDirectory()
    let file = try directory.write("file", "x")
    expectError(.writeFailed, naming: [file]) {
      try ModelDirectory.write(to: file, configuration: Data("{}".utf8), tensors: [])
    }
  }

  @Test func whatIsMissingIsNamed() throws {
    let directory = try TemporaryDirectory()
    let missing = directory.path + "/missing"
    expectError(.notFound, naming: [missing, "no such"]) { _ = try ModelDirectory(path: missing) }
    let file = try directory.write("file", "x")
    expectError(.notFound, naming: [file, "is a file"]) { _ = try ModelDirectory(path: file) }
    expectError(.notFound, naming: [directory.path, "config.json"]) {
      _ = try ModelDirectory(path: directory.path)
    }
    try directory.write("config.json", "{}")
    let model = try ModelDirectory(path: directory.path)
    #expect(model.generationConfiguration == nil)
    #expect(model.tokenizerPath == nil)
    expectError(
      .notFound, naming: [directory.path, "model.safetensors", "model.safetensors.index.json"]
    ) { _ = try model.openTensors() }
    try directory.write("generation_config.json", "{")
    expectError(.malformed, naming: ["generation_config.json"]) {
      _ = try ModelDirectory(path: directory.path)
    }
  }

  /// A directory with two shards and the `weight_map` given.
  private func sharded(_ weightMap: String) throws -> TemporaryDirectory {
    let directory = try TemporaryDirectory()
    try directory.write("config.json", "{}")
    try SafetensorsWriter.write(
      [tensor("a", 1), tensor("b", 2)], to: directory.path + "/one.safetensors")
    try SafetensorsWriter.write(
      [tensor("c", 3), tensor("d", 4)], to: directory.path + "/two.safetensors")
    try SafetensorsWriter.write(
      [tensor("a", 5), tensor("e", 6)], to: directory.path + "/again.safetensors")
    try directory.write("model.safetensors.index.json", weightMap)
    return directory
  }

  @Test func shardsAreOneCollection() throws {
    let directory = try sharded(
      """
      {"metadata": {"total_size": 12}, "weight_map":
       {"c": "two.safetensors", "d": "two.safetensors", "b": "one.safetensors"}}
      """
    )
    let model = try ModelDirectory(path: directory.path)
    let tensors = try model.openTensors()
    #expect(tensors.names == ["b", "c", "d"])
    #expect(tensors.paths.count == 2)
    #expect(["a", "b", "c", "d"].map { value(tensors.tensor(named: $0)) } == [nil, 2, 3, 4])

    try SafetensorsWriter.write([tensor("z", 9)], to: directory.path + "/model.safetensors")
    #expect(try model.openTensors().names == ["z"], "the single file goes before the index")
  }

  @Test func anIndexThatDoesNotFitItsShardsIsRefused() throws {
    let outside = try TemporaryDirectory()
    try SafetensorsWriter.write([tensor("a", 1)], to: outside.path + "/out.safetensors")
    let cases: [(index: String, kind: FileError.Kind, words: [String])] = [
      (
        #"{"weight_map": {"a": "three.safetensors"}}"#, .notFound,
        ["three.safetensors", "model.safetensors.index.json"]
      ),
      (
        #"{"weight_map": {"a": "one.safetensors", "e": "again.safetensors"}}"#, .malformed,
        ["\"a\"", "one.safetensors", "again.safetensors"]
      ),
      (#"{"weight_map": {"b": "two.safetensors"}}"#, .malformed, ["\"b\"", "two.safetensors"]),
      (
        #"{"weight_map": {"a": "\#(outside.path)/out.safetensors"}}"#, .malformed,
        ["plain file name"]
      ),
      (#"{"weight_map": {"a": "../one.safetensors"}}"#, .malformed, ["plain file name"]),
      (#"{"weight_map": {"a": "x/../one.safetensors"}}"#, .malformed, ["plain file name"]),
      (#"{"weight_map": {"a": "./one.safetensors"}}"#, .malformed, ["plain file name"]),
      (#"{"weight_map": {"a": ".."}}"#, .malformed, ["plain file name"]),
      (#"{"weight_map": {"a": "."}}"#, .malformed, ["plain file name"]),
      (#"{"weight_map": {"a": ""}}"#, .malformed, ["plain file name"]),
      (#"{"weight_map": {"a": "one.safetensors\u0000x"}}"#, .malformed, ["plain file name"]),
      (#"{"weight_map": {"a": 1}}"#, .malformed, ["weight_map.a"]),
      (#"{"weight_map": {"a": null}}"#, .malformed, ["weight_map.a"]),
      (#"{"weight_map": {}}"#, .malformed, ["no tensors"]), ("{}", .malformed, ["weight_map"]),
      (#"{"weight_map": {"a": "config.json"}}"#, .malformed, ["config.json"]),
      ("{", .malformed, ["JSON"]),
    ]
    for (index, kind, words) in cases {
      let directory = try sharded(index)
      let model = try ModelDirectory(path: directory.path)
      expectError(kind, naming: words, index) { _ = try model.openTensors() }
    }
  }
}
