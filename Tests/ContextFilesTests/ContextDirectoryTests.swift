import ContextFiles
import Files
import Foundation
import TestSupport
import Testing

/// Saving, reading back, and what is wrong with folders and files.
@Suite struct ContextDirectoryTests {
  /// Calls `body` with a saved context in a new folder, finished unless said otherwise.
  private func withSaved(
    layers: Int = 3, blockBytes: [Int] = [100, 100, 100],
    _ body: (SampleContext, TemporaryDirectory) throws -> Void
  ) throws {
    let folder = try TemporaryDirectory()
    let sample = SampleContext(in: folder.path, blockBytes: blockBytes)
    try sample.directory.prepare()
    try sample.save(layers: layers)
    try body(sample, folder)
  }

  @Test func whatIsSavedIsReadBack() throws {
    for layers in 1...3 {
      try withSaved(layers: layers) { sample, _ in
        try sample.readAll()
        let manifest = try sample.directory.manifest()
        #expect(manifest.description == sample.description)
        #expect(manifest.finishedLayers == layers && manifest.isFinished == (layers == 3))
        #expect(manifest.prefillMilliseconds == 12_345)
      }
    }
  }

  @Test func layersOfDifferentSizesAreReadBack() throws {
    for layers in 1...3 {
      try withSaved(layers: layers, blockBytes: [100, 30, 260]) { sample, folder in
        try sample.readAll()
        let manifest = try sample.directory.manifest()
        #expect(manifest.description == sample.description)
        let bytes = [100, 130, 390][layers - 1]
        #expect(try folder.bytes(of: "blocks/000002.kv").count == bytes)
        #expect(
          manifest.bytes == 3 * bytes + 40
            + (layers == 3 ? 20 : sample.description.activationBytes))
      }
    }
  }

  /// Each checkpoint adds to the files and leaves only its own activations.
  @Test func checkpointsFollowEachOther() throws {
    try withSaved(layers: 1) { sample, folder in
      #expect(try folder.contents().contains("activations-001/000002.f32"))
      try sample.save(layers: 2)
      try sample.readAll()
      #expect(try !folder.contents().contains { $0.hasPrefix("activations-001") })
      try sample.save(layers: 3)
      try sample.readAll()
      #expect(
        try folder.contents() == [
          "blocks", "blocks/000000.kv", "blocks/000001.kv", "blocks/000002.kv",
          "last-position.f32", "manifest.json", "tokens.bin",
        ])
    }
  }

  /// Whenever a checkpoint is killed before its manifest is in place, the former one is whole, and
  /// the next job goes on with it.
  @Test func aCheckpointThatIsKilledLeavesTheFormerOne() throws {
    for next in [2, 3] {
      try withSaved(layers: 1) { sample, folder in
        _ = try sample.write(layers: next)
        try folder.write(".manifest.json.123.partial", [1, 2, 3])
        try sample.readAll()
        let manifest = try sample.directory.manifest()
        #expect(manifest.finishedLayers == 1)

        try sample.directory.prepareToGoOn(manifest)
        #expect(try !folder.contents().contains { $0.hasSuffix(".partial") })
        try sample.readAll()
        // The next job's files begin where the manifest ends, and overwrite what is behind it.
        let second = SampleContext(in: folder.path)
        for file in second.files { _ = try second.readBlock(file, manifest) }
        try second.save(layers: 3)
        try second.readAll()
      }
    }
  }

  /// What a first save leaves that was killed at any moment is no saved context, and the next one
  /// replaces it.
  @Test func leftoversAreReplaced() throws {
    let folder = try TemporaryDirectory()
    for layers in 1...3 {
      let sample = SampleContext(in: folder.path)
      try sample.directory.prepare()
      _ = try sample.write(layers: layers)
      _ = try sample.directory.mark()
      try folder.write(".manifest.json.9.partial", [1])
      expectError(.notFound, naming: [folder.path, "no saved context", "manifest.json"]) {
        _ = try sample.directory.manifest()
      }
    }
    try ContextDirectory(path: folder.path).prepare()
    #expect(try folder.contents() == ["blocks"])
  }

  @Test func aSavedContextIsNotReplaced() throws {
    try withSaved(layers: 1) { sample, folder in
      let before = try folder.contents()
      expectError(.writeFailed, naming: [folder.path, "--resume \(folder.path)", "remove it"]) {
        try sample.directory.prepare()
      }
      #expect(try folder.contents() == before)
    }
  }

  @Test(arguments: [
    "notes.txt", "blocks/notes.txt", "blocks/1.kvx", "activations-x/a", "activations-002/x.f32",
    "tokens.bin/a", "manifest.jsonx",
  ])
  func foreignFilesAreLeftAlone(name: String) throws {
    let folder = try TemporaryDirectory()
    let parent = URL(fileURLWithPath: "\(folder.path)/\(name)").deletingLastPathComponent()
    try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
    try folder.write(name, [1])
    // Something of ours beside it, which must stay as well.
    try folder.write("last-position.f32", [2])
    let before = try folder.contents()
    expectError(.writeFailed, naming: [folder.path, name.split(separator: "/")[0] + ""]) {
      try ContextDirectory(path: folder.path).prepare()
    }
    #expect(try folder.contents() == before)
  }

  /// A link in place of our folder could lead anywhere.
  @Test func linksAreNotFollowed() throws {
    let (folder, other) = (try TemporaryDirectory(), try TemporaryDirectory())
    try other.write("000001.kv", [1])
    for name in ["blocks", "activations-001"] {
      let link = "\(folder.path)/\(name)"
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: other.path)
      expectError(.writeFailed, naming: [folder.path, name]) {
        try ContextDirectory(path: folder.path).prepare()
      }
      #expect(try other.contents() == ["000001.kv"])
      try FileManager.default.removeItem(atPath: link)
    }
  }

  /// Nor one among what a checkpoint has left beside a saved context.
  @Test func linksAmongLeftoversAreNotFollowed() throws {
    try withSaved(layers: 1) { sample, folder in
      let other = try TemporaryDirectory()
      try other.write("000001.f32", [1])
      let before = try folder.contents()
      try FileManager.default.createSymbolicLink(
        atPath: folder.path + "/activations-009", withDestinationPath: other.path)
      try sample.directory.prepareToGoOn(try sample.directory.manifest())
      #expect(try other.contents() == ["000001.f32"])
      #expect(try folder.contents() == before)
    }
  }

  @Test func placesThatAreNone() throws {
    let folder = try TemporaryDirectory()
    try folder.write("file", [1])
    for (name, words) in [("missing", "no such folder"), ("file", "is no folder")] {
      expectError(.notFound, naming: ["\(folder.path)/\(name)", words]) {
        _ = try ContextDirectory(path: "\(folder.path)/\(name)").manifest()
      }
    }
    for (name, words) in [("missing/a", "is not there"), ("file", "is no folder")] {
      expectError(.writeFailed, naming: ["\(folder.path)/\(name)", words]) {
        try ContextDirectory(path: "\(folder.path)/\(name)").prepare()
      }
    }
    try ContextDirectory(path: folder.path + "/new").prepare()
    #expect(try folder.contents() == ["file", "new", "new/blocks"])
  }

  /// A file system that nobody can write to, not even root.
  @Test func readOnlyFolder() throws {
    expectError(.writeFailed, naming: ["/proc/ringflash"]) {
      try ContextDirectory(path: "/proc/ringflash").prepare()
    }
  }

  private static let files = [
    "tokens.bin", "blocks/000000.kv", "blocks/000002.kv", "activations-001/000002.f32",
    "last-position.f32",
  ]

  /// A flipped bit, a file cut short, an empty one and a missing one, in every kind of file.
  @Test(arguments: files)
  func damagedFiles(name: String) throws {
    let layers = name.hasPrefix("activations") ? 1 : 3
    let damages: [(FileError.Kind, String, (inout [UInt8]) -> Void)] = [
      (.malformed, "checksum", { $0[0] ^= 1 }),
      (.malformed, "checksum", { $0[$0.count - 1] ^= 0x80 }),
      (.malformed, "cut short", { $0.removeLast() }),
      (.malformed, "cut short", { $0.removeSubrange(1...) }),
      (.malformed, "empty", { $0.removeAll() }),
    ]
    for (kind, words, damage) in damages {
      try withSaved(layers: layers) { sample, folder in
        var bytes = try folder.bytes(of: name)
        damage(&bytes)
        try folder.write(name, bytes)
        expectError(kind, naming: ["\(folder.path)/\(name)", words]) { try sample.readAll() }
      }
    }
    try withSaved(layers: layers) { sample, folder in
      try FileManager.default.removeItem(atPath: "\(folder.path)/\(name)")
      expectError(.notFound, naming: ["\(folder.path)/\(name)", "missing"]) {
        try sample.readAll()
      }
      try FileManager.default.createDirectory(
        atPath: "\(folder.path)/\(name)", withIntermediateDirectories: false)
      expectError(.notFound, naming: ["\(folder.path)/\(name)"]) { try sample.readAll() }
    }
  }

  @Test func rankThatSeesAnotherFolder() throws {
    let (folder, other) = (try TemporaryDirectory(), try TemporaryDirectory())
    let directory = ContextDirectory(path: folder.path)
    let mark = try directory.mark()
    try directory.checkAccess(mark: mark, rank: 3)
    expectError(.writeFailed, naming: [other.path, "rank 0", "share"]) {
      try ContextDirectory(path: other.path).checkAccess(mark: mark, rank: 3)
    }
    directory.unmark(mark)
    #expect(try folder.contents().isEmpty)
  }

  @Test func roomOnTheDisk() throws {
    let directory = ContextDirectory(path: NSTemporaryDirectory())
    try directory.checkRoom(bytes: 1)
    expectError(.writeFailed, naming: [directory.path, "free", "needs"]) {
      try directory.checkRoom(bytes: .max)
    }
  }

  /// A disk that fills up while it is written to.
  @Test(.enabled(if: FullDisk.canBeMade, "needs leave to mount a small file system"))
  func fullDisk() throws {
    let disk = try FullDisk(kilobytes: 64)
    let sample = SampleContext(in: disk.path + "/context")
    try sample.directory.prepare()
    try sample.save(layers: 1)
    try disk.fill()
    for file in sample.files {
      expectError(.writeFailed, naming: [disk.path, "disk is full"]) {
        let bytes = [UInt8](repeating: 1, count: 100_000)
        try bytes.withUnsafeBytes { try file.append([$0]) }
      }
    }
    expectError(.writeFailed, naming: [disk.path, "full"]) {
      _ = try [UInt8](repeating: 1, count: 100_000).withUnsafeBytes {
        try sample.directory.writeLastPosition($0)
      }
    }
    // The checkpoint that is there stays whole.
    try sample.readAll()
  }
}
