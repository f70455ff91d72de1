import Files
import Foundation
import ModelFiles
import TestSupport
import Testing

/// What is said of files that stand in the place of a model's.
struct ForeignFilesTests {
  private static let pointer = """
    version https://git-lfs.github.com/spec/v1
    oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
    size 12345

    """

  /// A directory with these files, empty unless they have a text.
  private func directory(_ files: [String: String]) throws -> TemporaryDirectory {
    let directory = try TemporaryDirectory()
    for (name, text) in files { try directory.write(name, text) }
    return directory
  }

  @Test(arguments: [
    "config.json", "generation_config.json", "model.safetensors", "model.safetensors.index.json",
    "one.safetensors",
  ])
  func aPointerOfGitLFSIsSaidToBeOne(name: String) throws {
    var files = ["config.json": "{}"]
    if name == "one.safetensors" {
      files["model.safetensors.index.json"] = #"{"weight_map": {"a": "one.safetensors"}}"#
    }
    files[name] = Self.pointer
    let directory = try directory(files)
    expectError(.malformed, naming: [name, "Git LFS pointer", "git lfs pull"]) {
      _ = try ModelDirectory(path: directory.path).openTensors()
    }
    expectError(.malformed, naming: [name, "Git LFS pointer", "git lfs pull"]) {
      try GitLFSPointer.check(path: "\(directory.path)/\(name)")
    }
  }

  @Test func whatIsNoPointerPassesTheCheck() throws {
    let directory = try directory(["a": "", "b": "version https://git-lfs", "c": "{}"])
    for name in ["a", "b", "c", "missing", ""] {
      #expect(throws: Never.self) { try GitLFSPointer.check(path: "\(directory.path)/\(name)") }
    }
  }

  @Test func otherFormatsWithoutAConfigurationAreNamed() throws {
    let adapter = #"{"base_model_name_or_path": "org/base", "r": 8}"#
    for (files, words) in [
      (
        ["adapter_config.json": adapter, "adapter_model.safetensors": ""],
        ["LoRA", "\"org/base\"", "merge"]
      ),
      (["adapter_config.json": "["], ["LoRA adapter, not", "merge"]),
      (
        ["consolidated.safetensors": "", "params.json": "{}"],
        ["consolidated.safetensors", "config.json"]
      ),
      (["consolidated.00.pth": ""], ["consolidated.00.pth", "model.safetensors"]),
      (["README.md": ""], ["has no config.json"]),
    ] as [([String: String], [String])] {
      let directory = try directory(files)
      expectError(.notFound, naming: words + [directory.path]) {
        _ = try ModelDirectory(path: directory.path)
      }
    }
  }

  @Test func otherFormatsOfWeightsAreNamed() throws {
    for (files, words) in [
      (["pytorch_model.bin"], ["pytorch_model.bin", "save_pretrained"]),
      (
        ["pytorch_model-00001-of-00002.bin", "pytorch_model.bin.index.json"], ["pytorch_model.bin"]
      ),
      (["consolidated.safetensors"], ["consolidated.safetensors", "other names"]),
      (["adapter_config.json", "adapter_model.safetensors"], ["LoRA", "merge"]),
      (["x.gguf"], ["x.gguf", "name that file"]),
      (["model-00001-of-00002.safetensors"], ["model.safetensors.index.json", "fetch"]),
      ([], ["has neither"]),
    ] as [([String], [String])] {
      var names = Dictionary(uniqueKeysWithValues: files.map { ($0, "{}") })
      names["config.json"] = "{}"
      let directory = try directory(names)
      let model = try ModelDirectory(path: directory.path)
      expectError(.notFound, naming: words + [directory.path]) { _ = try model.openTensors() }
      #expect(try model.tensorPresence() == .none)
      #expect((model.foreignTensors == nil) == files.isEmpty)
    }
  }

  @Test(arguments: ["tokenizer.model", "tekken.json", "vocab.json"])
  func otherTokenizersAreNamed(name: String) throws {
    let directory = try directory(["config.json": "{}", name: ""])
    let clause = try ModelDirectory(path: directory.path).foreignTokenizer
    #expect(clause?.contains(name) == true && clause?.contains("tokenizer.json") == true)
    let none = try self.directory(["config.json": "{}"])
    #expect(try ModelDirectory(path: none.path).foreignTokenizer == nil)
  }

  @Test func anIndexTellsWhatIsMissing() throws {
    let index = #"{"metadata": {"total_size": 99}, "weight_map": {"a": "one", "b": "two"}}"#
    let directory = try directory([
      "config.json": "{}", "model.safetensors.index.json": index, "one": "x",
    ])
    let model = try ModelDirectory(path: directory.path)
    #expect(try model.tensorPresence() == .index(missing: 1, of: 2, totalBytes: 99))
    for size in ["-1", "\"99\"", "null", "1e300"] {
      try directory.write(
        "model.safetensors.index.json", index.replacingOccurrences(of: "99", with: size))
      #expect(
        try model.tensorPresence() == .index(missing: 1, of: 2, totalBytes: nil), "\(size)")
    }
    try directory.write("two", "x")
    #expect(try model.tensorPresence() == .all)
    try directory.write("model.safetensors.index.json", "{}")
    expectError(.malformed, naming: ["weight_map"]) { _ = try model.tensorPresence() }
  }

  /// Names that are no UTF-8, and ones that Foundation takes apart otherwise.
  @Test func oddNamesAreNames() throws {
    let directory = try TemporaryDirectory()
    for name in ["a b", "ä", "e\u{301}", "%41", "~", "a:b", "snapshots"] {
      let path = "\(directory.path)/\(name)/deep"
      try ModelDirectory.write(to: path, configuration: Data("{}".utf8), tensors: [])
      #expect(try ModelDirectory(path: path).path == path)
    }
    let odd = String(spelling: [-1])
    try ModelDirectory.write(
      to: "\(directory.path)/models--a--b/snapshots/\(odd)", configuration: Data("{}".utf8),
      tensors: [])
    let snapshot = try HubCache(environment: ["HF_HUB_CACHE": directory.path]).snapshot(
      of: #require(HubModel("a/b")))
    #expect(snapshot.hasSuffix("/\(odd)"))
    #expect(try ModelDirectory(path: snapshot).path == snapshot)
  }
}
