import ContextFiles
import Files
import Foundation
import SystemPackage
import TestSupport
import Testing

/// Contexts that extend others: what they share, and that each is whole by itself.
@Suite struct ExtendedContextTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func path(_ name: String) -> String { "\(folder.path)/\(name)" }

  /// A finished context that can be extended.
  private func saved(
    _ name: String, tokens: Int = 10, extending base: FinishedContext? = nil,
    blockBytes: [Int] = [100, 100, 100]
  ) throws -> FinishedContext {
    let sample = try SampleContext(
      in: path(name), blockBytes: blockBytes, tokens: tokens, extending: base
    ).prepared()
    return try FinishedContext(sample.directory, sample.save(layers: 3))
  }

  private func links(_ name: String) throws -> Int { try Stat(FilePath(path(name))).linkCount }

  private func isSame(_ first: String, _ second: String) -> Bool {
    FileIdentity(FilePath(path(first))) == FileIdentity(FilePath(path(second)))
  }

  /// Bytes of all files under the folder, each counted once whatever its names.
  private func bytesOnDisk() throws -> Int {
    var seen: Set<FileIdentity> = []
    return try folder.contents().reduce(0) { sum, name in
      let status = try Stat(FilePath(path(name)))
      guard status.type == .regular, seen.insert(FileIdentity(FilePath(path(name)))!).inserted
      else { return sum }
      return sum + Int(status.size)
    }
  }

  /// Bases that end inside a block and between two; extensions that end in the same block, in the next one
  /// and further on.
  @Test(arguments: [
    (8, 9), (8, 12), (8, 21), (10, 11), (10, 12), (10, 13), (10, 30), (3, 4), (1, 9),
  ])
  func savedInCheckpoints(baseTokens: Int, tokens: Int) throws {
    let base = try saved("base", tokens: baseTokens)
    let sample = try SampleContext(in: path("more"), tokens: tokens, extending: base).prepared()
    let description = sample.description
    #expect(description.baseBlocks == baseTokens / 4)
    #expect(description.sharedBlock == (baseTokens % 4 == 0 ? nil : baseTokens / 4))
    for layers in 1...3 {
      let manifest = try sample.save(layers: layers)
      #expect(try sample.directory.manifest() == manifest)
      try sample.readAll()
      for block in 0..<baseTokens / 4 {
        #expect(isSame("base/blocks/00000\(block).kv", "more/blocks/00000\(block).kv"))
      }
      let hasTail = layers < 3 && baseTokens % 4 > 0
      #expect(FilePath(path("more/base-tail.kv")).exists == hasTail)
      if hasTail {
        let rows = try sample.readBaseTail(manifest)
        let block = description.baseBlocks
        #expect(
          rows
            == (0..<3).flatMap { sample.layer($0, block: block, of: base.manifest.description) })
      }
      // What is listed is what is there.
      let files = try folder.contents().filter {
        $0.hasPrefix("more/") && !FilePath(path($0)).isFolder && !$0.hasSuffix("manifest.json")
      }
      let bytes = try files.reduce(0) { $0 + (try folder.bytes(of: $1).count) }
      #expect(manifest.bytes == bytes)
    }
    #expect(
      description.keyValueBytes(layers: 3) == (description.blocks - baseTokens / 4) * 300)
    #expect(description.activationBytes == (tokens - baseTokens) * 20)
    // The base is as it was.
    try SampleContext(in: path("base"), tokens: baseTokens).readAll()
    #expect(try base.directory.manifest() == base.manifest)
  }

  @Test func aJobThatIsKilledAnywhereIsFollowed() throws {
    let base = try saved("base")
    for killedAfter in 0...3 {
      let name = "more\(killedAfter)"
      let sample = SampleContext(in: path(name), tokens: 21, extending: base)
      _ = try sample.prepared()
      if killedAfter > 0 { try sample.save(layers: killedAfter) }
      if killedAfter < 3 { _ = try sample.write(layers: killedAfter + 1) }
      try folder.write("\(name)/.manifest.json.5.partial", [1])
      let second = SampleContext(in: path(name), tokens: 21, extending: base)
      if killedAfter == 0 {
        #expect(!second.directory.isSaved)
        _ = try second.prepared()
      } else {
        let manifest = try second.directory.manifest()
        try second.readAll()
        guard killedAfter < 3 else { continue }
        try second.directory.prepareToGoOn(manifest)
        for file in second.files where file.block >= 2 { _ = try second.readBlock(file, manifest) }
      }
      try second.save(layers: 3)
      try second.readAll()
      try SampleContext(in: path("base")).readAll()
    }
    // Killed while it was made ready: some links are there.
    try FileManager.default.createDirectory(
      atPath: path("half/blocks"), withIntermediateDirectories: true)
    try FileManager.default.linkItem(
      atPath: path("base/blocks/000001.kv"), toPath: path("half/blocks/000001.kv"))
    try FileManager.default.linkItem(
      atPath: path("base/blocks/000002.kv"), toPath: path("half/base-tail.kv"))
    let sample = try SampleContext(in: path("half"), tokens: 21, extending: base).prepared()
    try sample.save(layers: 3)
    try sample.readAll()
    try SampleContext(in: path("base")).readAll()
  }

  /// A new context in a folder with what another one left is never written into files of a third.
  @Test func filesOfOthersAreNeverWritten() throws {
    let base = try saved("base", tokens: 12)
    _ = try saved("more", tokens: 21, extending: base)
    try FilePath(path("base/manifest.json")).removeFile()
    let other = try SampleContext(in: path("base"), blockBytes: [40, 50, 60]).prepared()
    try other.save(layers: 1)
    try other.save(layers: 3)
    try other.readAll()
    try SampleContext(in: path("more"), tokens: 21, extending: base).readAll()

    let file = BlockFile(block: 1, in: ContextDirectory(path: path("more")))
    expectError(.writeFailed, naming: ["000001.kv"]) {
      try [UInt8](repeating: 0, count: 9).withUnsafeBytes { try file.append([$0]) }
    }
    try SampleContext(in: path("more"), tokens: 21, extending: base).readAll()
  }

  /// A chain and a fan of contexts, deleted in every order.
  @Test(arguments: 0..<24)
  func whateverIsDeletedTheOthersAreWhole(order: Int) throws {
    let root = try saved("root", tokens: 9)
    let chapter = try saved("chapter", tokens: 18, extending: root)
    _ = try saved("verse", tokens: 33, extending: chapter)
    _ = try saved("other", tokens: 12, extending: root)
    let tokens = ["root": 9, "chapter": 18, "verse": 33, "other": 12]
    let bases = ["chapter": root, "verse": chapter, "other": root]
    var left = tokens.keys.sorted()
    #expect(try links("verse/blocks/000000.kv") == 4)
    var number = order
    while !left.isEmpty {
      let deleted = left.remove(at: number % left.count)
      number /= left.count + 1
      try FileManager.default.removeItem(atPath: path(deleted))
      for name in left {
        try SampleContext(in: path(name), tokens: tokens[name]!, extending: bases[name]).readAll()
      }
    }
  }

  @Test func tenThatShareMostTakeTwice() throws {
    let blockBytes = [4000, 4000, 4000]
    let base = try saved("base", tokens: 360, blockBytes: blockBytes)
    for variant in 0..<10 {
      _ = try saved("variant\(variant)", tokens: 400, extending: base, blockBytes: blockBytes)
    }
    let all = try bytesOnDisk()
    _ = try saved("alone", tokens: 400, blockBytes: blockBytes)
    #expect(Double(all) < 2.1 * Double(try bytesOnDisk() - all))
  }

  /// Where the file system refuses links, the files are copied: between two of them, for one.
  @Test(.enabled(if: FullDisk.canBeMade, "needs leave to mount a small file system"))
  func copiedWhereThereAreNoLinks() throws {
    let base = try saved("base")
    let disk = try FullDisk(kilobytes: 64)
    let sample = SampleContext(in: disk.path + "/more", tokens: 21, extending: base)
    #expect(
      try sample.directory.prepare(extending: base, tokens: base.manifest.description.tokens) == 3
        * 300)
    try sample.save(layers: 1)
    try sample.readAll()
    try sample.save(layers: 3)
    try sample.readAll()
    try disk.fill()
    expectError(.writeFailed, naming: [disk.path, "the disk"]) {
      _ = try SampleContext(in: disk.path + "/again", tokens: 21, extending: base).prepared()
    }
  }

  @Test func linksAreFollowedToTheirFiles() throws {
    let base = try saved("base")
    try FileManager.default.moveItem(
      atPath: path("base/blocks/000000.kv"), toPath: path("elsewhere.kv"))
    try FileManager.default.createSymbolicLink(
      atPath: path("base/blocks/000000.kv"), withDestinationPath: "../../elsewhere.kv")
    _ = try saved("more", tokens: 12, extending: base)
    #expect(isSame("elsewhere.kv", "more/blocks/000000.kv"))
    try FileManager.default.removeItem(atPath: path("elsewhere.kv"))
    try SampleContext(in: path("more"), tokens: 12, extending: base).readAll()
  }

  @Test func basesThatAreNone() throws {
    let unfinished = try SampleContext(in: path("unfinished")).prepared()
    try unfinished.save(layers: 2)
    expectError(.unsupported, naming: ["2 of 3 layers", "--resume \(path("unfinished"))"]) {
      _ = try FinishedContext(unfinished.directory, unfinished.directory.manifest())
    }
    let base = try saved("base")
    expectError(.writeFailed, naming: [path("base"), "holds a saved context"]) {
      try base.directory.prepare(extending: base, tokens: base.manifest.description.tokens)
    }
    try folder.write("base/blocks/000001.kv", [1, 2, 3])
    expectError(.malformed, naming: ["base/blocks/000001.kv", "cut short"]) {
      _ = try SampleContext(in: path("more"), extending: base).prepared()
    }
    try FileManager.default.removeItem(atPath: path("base/blocks/000001.kv"))
    expectError(.notFound, naming: ["base/blocks/000001.kv", "missing"]) {
      _ = try SampleContext(in: path("more"), extending: base).prepared()
    }
  }

  @Test(arguments: [
    "blocks/000000.kv", "blocks/000002.kv", "base-tail.kv", "activations-001/000004.f32",
  ])
  func damagedFilesAreFound(name: String) throws {
    let base = try saved("base")
    let sample = try SampleContext(in: path("more"), tokens: 21, extending: base).prepared()
    let manifest = try sample.save(layers: 1)
    var bytes = try folder.bytes(of: "more/\(name)")
    bytes[bytes.count / 2] ^= 2
    try FileManager.default.removeItem(atPath: path("more/\(name)"))
    try folder.write("more/\(name)", bytes)
    expectError(.malformed, naming: [name, "checksum"]) { try sample.directory.verify(manifest) }
  }
}
