import Foundation
import ModelFiles
import TestSupport
import Testing

struct HubCacheTests {
  @Test(arguments: [
    "meta-llama/Llama-3.2-1B", "a/b", "Org_1/x.y-z", "HuggingFaceTB/SmolLM3-3B@main",
    "a/b@refs/pr/1", "a/b@0123456789abcdef",
  ])
  func namesOfTheHubAreRecognized(text: String) throws {
    let model = try #require(HubModel(text))
    #expect("\(model)" == text)
  }

  @Test(arguments: [
    "", "needle", "/a/b", "a/b/c", "./model", "../model", "a/", "/b", "a//b", "a b/c", "a/b@",
    "a/b@../x", "a/b@/x", "a/b@x//y", "a/.b", "a/b.", "-a/b", "a/b--c", "a/b..c", "a/b\n", "ä/b",
    "a/b\0", "~/b",
  ])
  func pathsAndOtherTextsAreNotNamesOfTheHub(text: String) {
    #expect(HubModel(text) == nil)
  }

  @Test func theEnvironmentSaysWhereTheCacheIs() {
    let cases: [(environment: [String: String], path: String)] = [
      (["HOME": "/h"], "/h/.cache/huggingface/hub"),
      (["HOME": "/h", "XDG_CACHE_HOME": "/x"], "/x/huggingface/hub"),
      (["HOME": "/h", "XDG_CACHE_HOME": "/x", "HF_HOME": "/f"], "/f/hub"),
      (["HOME": "/h", "HF_HOME": "/f", "HF_HUB_CACHE": "/c"], "/c"),
      (["HOME": "/h", "HF_HOME": "", "HF_HUB_CACHE": ""], "/h/.cache/huggingface/hub"),
      (["HOME": "/h", "HF_HOME": "~/f"], "/h/f/hub"),
    ]
    for (environment, path) in cases {
      #expect(HubCache(environment: environment).path == path, "\(environment)")
    }
  }

  /// A cache with the model `a/b`: its snapshots, and references by their names.
  private func cache(
    snapshots: [String], references: [String: String] = [:]
  ) throws -> (directory: TemporaryDirectory, cache: HubCache) {
    let directory = try TemporaryDirectory()
    let folder = directory.path + "/models--a--b"
    func make(_ path: String) throws {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    for snapshot in snapshots { try make("\(folder)/snapshots/\(snapshot)") }
    for (name, commit) in references {
      let file = URL(fileURLWithPath: "\(folder)/refs/\(name)")
      try make(file.deletingLastPathComponent().path)
      try Data(commit.utf8).write(to: file)
    }
    return (directory, HubCache(environment: ["HF_HUB_CACHE": directory.path]))
  }

  @Test func aSnapshotIsFoundByItsReferenceItsCommitOrBecauseItIsTheOnlyOne()
    throws
  {
    let several = try cache(
      snapshots: ["c1", "c2", "c3"], references: ["main": "c2\n", "v1.0": "c3", "refs/pr/7": "c1"])
    let only = try cache(snapshots: ["c9"])
    for (cache, model, commit) in [
      (several, "a/b", "c2"), (several, "a/b@v1.0", "c3"), (several, "a/b@c1", "c1"),
      (several, "a/b@refs/pr/7", "c1"), (several, "a/b@main", "c2"), (only, "a/b", "c9"),
      (only, "a/b@c9", "c9"),
    ] {
      let path = try cache.cache.snapshot(of: try #require(HubModel(model)))
      #expect(path == "\(cache.directory.path)/models--a--b/snapshots/\(commit)", "\(model)")
    }
  }

  @Test func whatIsMissingIsNamedWithTheCommandThatFetchesIt() throws {
    let fetch = "hf download a/b"
    let cases = [
      (try cache(snapshots: ["c1", "c2"]), "a/b", ["2 snapshots", fetch]),
      (try cache(snapshots: ["c1"]), "a/c", ["models", "hf download a/c"]),
      (try cache(snapshots: ["c1"]), "a/b@c2", ["c2", fetch + " --revision c2"]),
      (
        try cache(snapshots: ["c1"], references: ["main": "c2"]), "a/b", ["refs/main", "c2", fetch]
      ),
      (try cache(snapshots: ["c1"], references: ["main": "../c1"]), "a/b", ["refs/main", fetch]),
      (try cache(snapshots: ["c1"], references: ["main": ""]), "a/b", ["refs/main", fetch]),
      (try cache(snapshots: [], references: ["v1": "c1"]), "a/b", ["no snapshot", fetch]),
    ]
    for (cache, model, words) in cases {
      expectError(.notFound, naming: words.filter { $0 != "models" } + [cache.directory.path]) {
        _ = try cache.cache.snapshot(of: try #require(HubModel(model)))
      }
    }
  }

  /// A download that was broken off, as the cache has it: links to files that are not there.
  @Test func anIncompleteSnapshotNamesTheCommand() throws {
    let (directory, cache) = try cache(snapshots: ["c1"], references: ["main": "c1"])
    let path = try cache.snapshot(of: try #require(HubModel("a/b")))
    let words = ["hf download a/b --revision c1"]
    expectError(.notFound, naming: words + ["config.json"]) { _ = try ModelDirectory(path: path) }
    try Data("{}".utf8).write(to: URL(fileURLWithPath: path + "/config.json"))
    try FileManager.default.createSymbolicLink(
      atPath: path + "/model.safetensors", withDestinationPath: "../../blobs/missing")
    let model = try ModelDirectory(path: path)
    #expect(try model.tensorPresence() == .none)
    expectError(.notFound, naming: words) { _ = try model.openTensors() }
    try Data(#"{"weight_map": {"a": "one.safetensors"}}"#.utf8).write(
      to: URL(fileURLWithPath: path + "/model.safetensors.index.json"))
    #expect(try model.tensorPresence() == .index(missing: 1, of: 1, totalBytes: nil))
    expectError(.notFound, naming: words + ["one.safetensors", "index.json"]) {
      _ = try model.openTensors()
    }
    withExtendedLifetime(directory) {}
  }

  /// The cache keeps files once, and snapshots link to them.
  @Test func filesThatLinksLeadToAreRead() throws {
    let (directory, cache) = try cache(snapshots: ["c1"])
    let path = try cache.snapshot(of: try #require(HubModel("a/b")))
    let blobs = directory.path + "/models--a--b/blobs"
    try FileManager.default.createDirectory(atPath: blobs, withIntermediateDirectories: true)
    try Data("{}".utf8).write(to: URL(fileURLWithPath: blobs + "/1"))
    let tensor = Tensor(name: "a", elementType: .float32, shape: [1], copying: [Float(5)])
    try SafetensorsWriter.write([tensor], to: blobs + "/2")
    for (name, blob) in [("config.json", "1"), ("one.safetensors", "2")] {
      try FileManager.default.createSymbolicLink(
        atPath: "\(path)/\(name)", withDestinationPath: "../../blobs/\(blob)")
    }
    try Data(#"{"weight_map": {"a": "one.safetensors"}}"#.utf8).write(
      to: URL(fileURLWithPath: path + "/model.safetensors.index.json"))
    #expect(try ModelDirectory(path: path).openTensors().names == ["a"])
  }
}
