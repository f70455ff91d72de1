import ContextFiles
import Files
import Foundation
import SystemPackage
import TestSupport
import Testing

/// Which folders are found, what they take, and what is removed from them.
@Suite struct ContextSearchTests {
  private let folder: TemporaryDirectory
  private let holder = ContextLease.Holder(host: ProcessInfo.processInfo.hostName, process: 5)

  init() throws { folder = try TemporaryDirectory() }

  private func path(_ name: String) -> String { "\(folder.path)/\(name)" }

  private func makeFolders(_ name: String) throws {
    try FileManager.default.createDirectory(
      atPath: path(name), withIntermediateDirectories: true)
  }

  @discardableResult
  private func save(
    _ name: String, layers: Int = 3, tokens: Int = 10, extending base: FinishedContext? = nil
  ) throws -> ContextManifest {
    try makeFolders(name)
    return try SampleContext(in: path(name), tokens: tokens, extending: base).prepared().save(
      layers: layers)
  }

  private func finished(_ name: String) throws -> FinishedContext {
    let directory = ContextDirectory(path: path(name))
    return try FinishedContext(directory, directory.manifest())
  }

  /// What is under the folder, as "name: state".
  private func found() throws -> [String] {
    try ContextSearch(under: folder.path).found.map { found in
      let state =
        switch found.state {
        case .saved(let manifest): "\(manifest.finishedLayers) layers"
        case .damaged: "damaged"
        case .begun: "begun"
        }
      return "\(found.directory.path.dropFirst(folder.path.count + 1)): \(state)"
    }
  }

  /// Bytes of a folder's files, the manifest's included.
  private func bytes(_ name: String) throws -> Int {
    try folder.contents().filter {
      $0.hasPrefix(name + "/") && !FilePath(path($0)).isFolder
    }.reduce(0) { $0 + (try folder.bytes(of: $1).count) }
  }

  private func prune(_ name: String) throws -> ContextDirectory.Pruned? {
    try ContextDirectory(path: path(name)).prune(as: holder)
  }

  @Test func allThatIsOursIsFound() throws {
    try save("b")
    try save("a/deep/er", layers: 1)
    try save("b/inside", tokens: 20, extending: finished("b"))
    try save("damaged")
    try folder.write("damaged/manifest.json", "{\"format\": \"ringflash context\"}")
    _ = try SampleContext(in: path("given-up")).prepared().write(layers: 1)
    // What others leave.
    try makeFolders("site/blocks")
    try folder.write("site/manifest.json", "{\"name\": \"a site\"}")
    try makeFolders("game/blocks")
    try folder.write("game/blocks/stone.kv", [1])
    try makeFolders("empty/blocks")
    try FileManager.default.createSymbolicLink(
      atPath: path("link"), withDestinationPath: path("b"))
    #expect(
      try found() == [
        "a/deep/er: 1 layers", "b: 3 layers", "b/inside: 3 layers", "damaged: damaged",
        "given-up: begun",
      ])
    // The folder may be one itself.
    let alone = try ContextSearch(under: path("b"))
    #expect(alone.found.map(\.directory.path) == [path("b"), path("b/inside")])
    #expect(alone.found[0].modified ?? 0 > 1_700_000_000 && alone.found[0].writer == nil)
  }

  @Test func foldersThatAreNone() throws {
    try folder.write("file", [1])
    for (name, words) in [("missing", "no such folder"), ("file", "is no folder")] {
      expectError(.notFound, naming: [path(name), words]) {
        _ = try ContextSearch(under: path(name))
      }
    }
    #expect(try found().isEmpty)
  }

  @Test(.enabled(if: geteuid() == 0, "needs leave to give a folder away"))
  func foldersOfOthersAreNotEntered() throws {
    try save("mine")
    try save("theirs")
    #expect(chown(path("theirs"), 12345, 12345) == 0)
    let search = try ContextSearch(under: folder.path)
    #expect(search.found.map(\.directory.path) == [path("mine")])
    #expect(search.skippedFolders == [path("theirs")])
    try folder.write("theirs/.probe-1", [1])
    #expect(try prune("theirs") == nil)
    #expect(try folder.contents().contains("theirs/.probe-1"))
  }

  @Test func whatIsSharedIsNobodysOwn() throws {
    try save("base")
    let base = try finished("base")
    #expect(try base.directory.usage() == .init(ownBytes: bytes("base"), sharedBytes: 0))
    try save("more", layers: 2, tokens: 20, extending: base)
    // Two whole blocks, and the tail.
    let usage = try ContextDirectory(path: path("more")).usage()
    #expect(try usage == .init(ownBytes: bytes("more") - 900, sharedBytes: 900))
    #expect(try base.directory.usage().sharedBytes == 900)
    try FileManager.default.removeItem(atPath: path("base"))
    #expect(try ContextDirectory(path: path("more")).usage().sharedBytes == 0)
  }

  @Test func whatHasBecomeOfABase() throws {
    try save("base")
    let base = try finished("base").base(tokens: 10, rotationTokens: 10)
    #expect(base.path == path("base") && base.state == .unchanged)
    try FileManager.default.removeItem(atPath: path("base"))
    #expect(base.state == .gone)
    try save("base", tokens: 11)
    #expect(base.state == .changed)
    try folder.write("base/manifest.json", "{}")
    #expect(base.state == .changed)
  }

  // MARK: - Pruning

  @Test func aSaveThatWasGivenUpGoes() throws {
    let base = try {
      try save("base")
      return try finished("base")
    }()
    for (name, extended) in [("plain", nil), ("more", base)] as [(String, FinishedContext?)] {
      let sample = try SampleContext(in: path(name), tokens: 12, extending: extended).prepared()
      _ = try sample.write(layers: 1)
      _ = try sample.directory.mark()
      try folder.write("\(name)/.manifest.json.7.partial", [1, 2])
      let bytes = try bytes(name)
      let pruned = try #require(try prune(name))
      // What the base has as well frees nothing.
      #expect(pruned.isWhole && pruned.bytes == (extended == nil ? bytes : bytes - 900))
      #expect(!FilePath(path(name)).exists)
    }
    try SampleContext(in: path("base")).readAll()
    #expect(try prune("base") == nil)
  }

  @Test func leftoversOfCheckpointsGo() throws {
    for layers in 1...3 {
      let name = "c\(layers)"
      try save(name, layers: layers)
      let before = try folder.contents()
      try makeFolders("\(name)/activations-009")
      try folder.write("\(name)/activations-009/000001.f32", [1, 2, 3])
      try folder.write("\(name)/.manifest.json.7.partial", [1, 2])
      try folder.write("\(name)/base-tail.kv", [1])
      // A job that is dead.
      try JSONEncoder().encode(holder).write(
        to: URL(fileURLWithPath: path("\(name)/lease.json")))
      let pruned = try #require(try prune(name))
      #expect(!pruned.isWhole && pruned.bytes == 6)
      #expect(
        pruned.names == [".manifest.json.7.partial", "activations-009", "base-tail.kv"])
      #expect(try folder.contents() == before)
      try SampleContext(in: path(name)).readAll()
      #expect(try prune(name) == nil)
    }
  }

  @Test func aTailThatIsNeededStays() throws {
    try save("base")
    try save("more", layers: 2, tokens: 20, extending: finished("base"))
    #expect(try prune("more") == nil)
    #expect(try folder.contents().contains("more/base-tail.kv"))
  }

  @Test func whereAJobWritesNothingGoes() throws {
    let sample = try SampleContext(in: path("new")).prepared()
    _ = try sample.write(layers: 1)
    try save("saved", layers: 1)
    try folder.write("saved/.probe-3", [1])
    for name in ["new", "saved"] {
      let lease = try ContextLease(of: ContextDirectory(path: path(name)), for: holder)
      let before = try folder.contents()
      #expect(try prune(name) == nil)
      #expect(try folder.contents() == before)
      #expect(
        try ContextSearch(under: path(name)).found.first?.writer?.process == holder.process)
      try lease.check()
      lease.release()
      #expect(try prune(name) != nil)
    }
  }

  @Test func whatIsNotOursStays() throws {
    // Files of others in a save that was given up, a damaged context, and links to elsewhere.
    _ = try SampleContext(in: path("mixed")).prepared().write(layers: 1)
    try folder.write("mixed/notes.txt", [1])
    try save("damaged", layers: 1)
    try folder.write("damaged/manifest.json", "{}")
    try folder.write("damaged/.probe-1", [1])
    try makeFolders("elsewhere")
    try folder.write("elsewhere/000001.f32", [1])
    try save("linked", layers: 1)
    try FileManager.default.createSymbolicLink(
      atPath: path("linked/activations-002"), withDestinationPath: path("elsewhere"))
    try save("foreign", layers: 1)
    try makeFolders("foreign/activations-002")
    try folder.write("foreign/activations-002/thesis.txt", [1])
    try makeFolders("site/blocks")
    let before = try folder.contents()
    for name in ["mixed", "damaged", "linked", "foreign", "site", "elsewhere"] {
      #expect(try prune(name) == nil, "\(name)")
    }
    #expect(try folder.contents() == before)
  }

  @Test(.enabled(if: FullDisk.canBeMade, "needs leave to mount a small file system"))
  func whatCannotBeRemovedIsSaid() throws {
    let disk = try FullDisk(kilobytes: 64)
    let sample = try SampleContext(in: disk.path + "/context").prepared()
    try sample.save(layers: 1)
    #expect(FileManager.default.createFile(atPath: disk.path + "/context/.probe-1", contents: nil))
    try disk.makeReadOnly()
    expectError(.writeFailed, naming: [disk.path, "read-only"]) {
      _ = try sample.directory.prune(as: holder)
    }
    try sample.readAll()
  }

  /// Saves that begin in a folder while it is pruned, over and over: each ends well, or is told that
  /// another job writes there.
  @Test func jobsThatBeginMeanwhile() throws {
    let pruning = Thread { [directory = ContextDirectory(path: path("busy")), holder] in
      while !Thread.current.isCancelled {
        _ = try? directory.prune(as: holder)
        usleep(300)
      }
    }
    pruning.start()
    defer { pruning.cancel() }
    var begun = 0
    for _ in 0..<20_000 where begun < 60 {
      let sample = SampleContext(in: path("busy"))
      do {
        try sample.directory.makeFolder()
        let lease = try ContextLease(of: sample.directory, for: holder)
        defer { lease.release() }
        try sample.directory.prepare()
        let manifest = try sample.write(layers: 1)
        try lease.check()
        begun += 1
        // Some give up.
        guard begun % 3 > 0 else { continue }
        try sample.directory.commit(manifest, replacing: nil)
        try sample.readAll()
        try FilePath(path("busy/manifest.json")).removeFile()
      } catch let error as FileError {
        #expect(error.kind == .writeFailed, "\(error)")
      }
    }
    #expect(begun == 60)
  }
}
