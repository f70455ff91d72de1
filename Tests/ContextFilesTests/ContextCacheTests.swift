import ContextFiles
import Files
import Foundation
import TestSupport
import Testing

/// A folder of contexts in which the beginning of another one is found. Blocks have 4 tokens.
@Suite struct ContextCacheTests {
  private static let holder = ContextLease.Holder(host: "here", process: 7)

  private func withCache(
    bytes: Int = 1 << 20, _ body: (ContextCache) throws -> Void
  ) throws {
    try withTemporaryDirectory { folder in
      let cache = ContextCache(path: folder + "/cache", mostBytes: bytes)
      try cache.open()
      try body(cache)
    }
  }

  /// A new entry; its last use is so long ago.
  private func entry(
    in cache: ContextCache, tokens: Int, extending base: SampleContext? = nil, layers: Int = 3,
    age: Double = 3600
  ) throws -> SampleContext {
    let sample = try SampleContext(
      in: cache.newEntry().path, tokens: tokens,
      extending: base.map { try FinishedContext($0.directory, $0.directory.manifest()) }
    ).prepared()
    try sample.save(layers: layers)
    try setAge(of: sample, age)
    return sample
  }

  private func setAge(of sample: SampleContext, _ seconds: Double) throws {
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSinceNow: -seconds)],
      ofItemAtPath: sample.directory.path + "/manifest.json")
  }

  private func find(
    _ count: Int, changing changed: Int? = nil, in cache: ContextCache,
    excluding: Set<String> = [], canBeRotated: Bool = true,
    of change: (inout ContextDescription) -> Void = { _ in }
  ) throws -> ContextCache.Finding {
    let sample = SampleContext(in: "none", tokens: count)
    var tokens = sample.tokens
    if let changed { tokens[changed] = 1 }
    var description = sample.description
    change(&description)
    return try cache.find(tokens, of: description, excluding: excluding) { _ in canBeRotated }
  }

  private func names(_ cache: ContextCache) throws -> Set<String> {
    Set(try FileManager.default.contentsOfDirectory(atPath: cache.path))
  }

  // MARK: - The folder

  @Test func onlyAnEmptyFolderBecomesACache() throws {
    try withTemporaryDirectory { folder in
      func open(_ name: String) throws {
        try ContextCache(path: "\(folder)/\(name)", mostBytes: 1).open()
      }
      try open("new")
      let tag = try String(contentsOfFile: folder + "/new/CACHEDIR.TAG", encoding: .utf8)
      #expect(tag.hasPrefix("Signature: 8a477f597d28d172789f06886806bc55\n"))
      try Data().write(to: URL(fileURLWithPath: folder + "/new/other"))
      try open("new")

      try FileManager.default.createDirectory(
        atPath: folder + "/empty", withIntermediateDirectories: false)
      try open("empty")
      try Data().write(to: URL(fileURLWithPath: folder + "/file"))
      for (name, problem) in [
        (".", "holds 'empty'"), ("file", "no folder"), ("no/where", "make it first"),
      ] {
        let error = #expect(throws: FileError.self, "\(name)") { try open(name) }
        #expect(error?.kind == .writeFailed && error?.description.contains(problem) == true)
      }
      // Another program's cache.
      try FileManager.default.createDirectory(
        atPath: folder + "/others", withIntermediateDirectories: false)
      try Data(tag.utf8.prefix(43)).write(to: URL(fileURLWithPath: folder + "/others/CACHEDIR.TAG"))
      try Data().write(to: URL(fileURLWithPath: folder + "/others/object.o"))
      #expect(throws: FileError.self) { try open("others") }
    }
  }

  // MARK: - Finding

  @Test func theLongestBeginning() throws {
    try withCache { cache in
      #expect(try find(10, in: cache).match == nil)
      let short = try entry(in: cache, tokens: 6)
      let long = try entry(in: cache, tokens: 14)
      func match(_ count: Int, changing: Int? = nil) throws -> (path: String, Int, Bool)? {
        try find(count, changing: changing, in: cache).match.map {
          ($0.path, $0.tokens, $0.isWhole)
        }
      }
      func expect(
        _ match: (path: String, Int, Bool)?, _ entry: SampleContext, _ tokens: Int, _ isWhole: Bool,
        sourceLocation: SourceLocation = #_sourceLocation
      ) {
        #expect(match?.path == entry.directory.path, sourceLocation: sourceLocation)
        #expect(match?.1 == tokens && match?.2 == isWhole, sourceLocation: sourceLocation)
      }
      expect(try match(14), long, 14, true)
      expect(try match(20), long, 14, false)
      expect(try match(6), short, 6, true)
      // A part of an entry, and of a context that ends inside one all but its last token.
      expect(try match(20, changing: 9), long, 9, false)
      expect(try match(10), long, 9, false)
      // Less than a block is nothing.
      #expect(try match(20, changing: 3) == nil)
      #expect(try match(4) == nil)
      let without = try find(20, in: cache, excluding: [long.directory.path])
      #expect(without.match?.path == short.directory.path)
    }
  }

  @Test func onlyOfTheSameModel() throws {
    try withCache { cache in
      _ = try entry(in: cache, tokens: 10)
      #expect(try find(10, in: cache) { $0.chat = nil }.match != nil)
      #expect(try find(10, in: cache) { $0.model.name = "other" }.match != nil)
      #expect(try find(10, in: cache) { $0.model.identity = "other" }.match == nil)
      #expect(try find(10, in: cache) { $0.precision = "fp32" }.match == nil)
      #expect(try find(10, in: cache) { $0.instructionSet = "avx512" }.match == nil)
      #expect(try find(10, in: cache, canBeRotated: false).match == nil)
    }
  }

  /// The context itself is gone on with, unless less of another one is left to compute, or a job does.
  @Test func anUnfinishedOne() throws {
    try withCache { cache in
      let unfinished = try entry(in: cache, tokens: 10, layers: 2)
      let found = try find(10, in: cache).match
      #expect(found?.path == unfinished.directory.path && found?.isWhole == true)
      #expect(try find(11, in: cache).match == nil)
      // 5 of 10 tokens in 3 layers are fewer than 10 in 2, 8 are more.
      let half = try entry(in: cache, tokens: 5)
      #expect(try find(10, in: cache).match == found)
      let most = try entry(in: cache, tokens: 8, extending: half)
      #expect(try find(10, in: cache).match?.path == most.directory.path)
      let lease = try ContextLease(of: unfinished.directory, for: Self.holder)
      let other = try find(10, in: cache, excluding: [most.directory.path]).match
      #expect(other?.path == half.directory.path)
      lease.release()
    }
  }

  @Test func aFoundOneIsUsedNow() throws {
    try withCache { cache in
      let sample = try entry(in: cache, tokens: 10, age: 1000)
      _ = try find(10, in: cache)
      let attributes = try FileManager.default.attributesOfItem(
        atPath: sample.directory.path + "/manifest.json")
      let used = try #require(attributes[.modificationDate] as? Date)
      #expect(used.timeIntervalSinceNow > -100)
    }
  }

  @Test func damagedOnesAreLeftOut() throws {
    try withCache { cache in
      let sound = try entry(in: cache, tokens: 8)
      let (manifest, tokens) = (
        try entry(in: cache, tokens: 12), try entry(in: cache, tokens: 12)
      )
      let future = try entry(in: cache, tokens: 12)
      try Data("{".utf8).write(
        to: URL(fileURLWithPath: manifest.directory.path + "/manifest.json"))
      // As many as there were, the last of them another one.
      let path = tokens.directory.path + "/tokens.bin"
      var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
      bytes[bytes.count - 1] ^= 1
      try bytes.write(to: URL(fileURLWithPath: path))
      let text = try String(
        contentsOfFile: future.directory.path + "/manifest.json", encoding: .utf8)
      let changed = text.replacing(/"format_version" ?: ?\d+/, with: "\"format_version\":99")
      #expect(changed != text)
      try Data(changed.utf8).write(
        to: URL(fileURLWithPath: future.directory.path + "/manifest.json"))

      // Of all tokens of the damaged one but the last.
      let found = try find(13, in: cache)
      #expect(found.match?.path == sound.directory.path)
      #expect(
        Set(found.problems.map(\.path)) == [manifest.directory.path, tokens.directory.path])
      for path in [manifest, tokens].map(\.directory.path) {
        try cache.remove(ContextDirectory(path: path), as: Self.holder)
      }
      #expect(try find(13, in: cache).problems.isEmpty)
      // What another release wrote is no damage.
      try setAge(of: future, 3600)
      try cache.trim(as: Self.holder)
      #expect(FileManager.default.fileExists(atPath: future.directory.path))
    }
  }

  // MARK: - Trimming

  @Test func theLeastRecentlyUsedGo() throws {
    try withCache { cache in
      let entries = try (0..<4).map { index in
        try entry(in: cache, tokens: 9 + index, age: 1000 * Double(index + 1))
      }
      func trimmed(to bytes: Int) throws -> ContextCache.Trimmed {
        try ContextCache(path: cache.path, mostBytes: bytes).trim(as: Self.holder)
      }
      let sizes = try entries.map { try $0.directory.usage().ownBytes }
      #expect(try trimmed(to: sizes.reduce(0, +)) == .init())
      let first = try trimmed(to: sizes.reduce(0, +) - 1)
      #expect(first.entries == 1 && first.bytes == sizes[3])
      // Its use makes it the last to go.
      _ = try find(11, in: cache)
      try setAge(of: entries[2], 100)
      #expect(try trimmed(to: sizes[2]).entries == 2)
      #expect(
        try names(cache) == [
          "CACHEDIR.TAG", URL(fileURLWithPath: entries[2].directory.path).lastPathComponent,
        ])
      try entries[2].readAll()
    }
  }

  /// Files that several have count once, and removing one of them harms no other.
  @Test func sharedFiles() throws {
    try withCache { cache in
      let base = try entry(in: cache, tokens: 8, age: 3000)
      let more = try entry(in: cache, tokens: 12, extending: base, age: 2000)
      let usage = try more.directory.usage()
      #expect(usage.sharedBytes > 0)
      let all = try base.directory.usage().ownBytes + usage.ownBytes + usage.sharedBytes
      #expect(
        try ContextCache(path: cache.path, mostBytes: all).trim(as: Self.holder) == .init())
      let trimmed = try ContextCache(path: cache.path, mostBytes: all - 1).trim(as: Self.holder)
      #expect(trimmed.entries == 1)
      try more.readAll()
    }
  }

  @Test func whatIsInUseStays() throws {
    try withCache(bytes: 1) { cache in
      let read = try entry(in: cache, tokens: 9)
      let written = try entry(in: cache, tokens: 10, layers: 1)
      let new = try entry(in: cache, tokens: 11, age: 10)
      let foreign = try entry(in: cache, tokens: 12)
      try Data([1]).write(to: URL(fileURLWithPath: foreign.directory.path + "/notes.txt"))
      try Data([1]).write(to: URL(fileURLWithPath: cache.path + "/0123456789abcdef.txt"))
      let before = try names(cache)
      let reading = try find(9, in: cache).reading
      try setAge(of: read, 3600)
      let lease = try ContextLease(of: written.directory, for: Self.holder)
      #expect(reading != nil)
      #expect(try cache.trim(as: Self.holder) == .init())
      #expect(try names(cache) == before)
      for sample in [read, written, new, foreign] { try sample.readAll() }
      lease.release()
      withExtendedLifetime(reading) {}
    }
    try withCache(bytes: 1) { cache in
      let sample = try entry(in: cache, tokens: 9)
      do {
        let reading = ContextReading(of: sample.directory, try sample.directory.manifest())
        try setAge(of: sample, 3600)
        try cache.trim(as: Self.holder)
        try sample.readAll()
        withExtendedLifetime(reading) {}
      }
      #expect(try cache.trim(as: Self.holder).entries == 1)
      #expect(try names(cache) == ["CACHEDIR.TAG"])
    }
  }

  /// A job that was killed while it saved, or while it removed something.
  @Test func whatWasLeftGoes() throws {
    try withCache { cache in
      let saved = try entry(in: cache, tokens: 10)
      let unsaved = try SampleContext(in: cache.newEntry().path).prepared()
      _ = try unsaved.write(layers: 2)
      let removed = try entry(in: cache, tokens: 11)
      try FileManager.default.removeItem(atPath: removed.directory.path + "/manifest.json")
      // Its manifest was not readable.
      let damaged = try entry(in: cache, tokens: 12)
      try Data("{".utf8).write(
        to: URL(fileURLWithPath: damaged.directory.path + "/manifest.json"))
      try setAge(of: damaged, 3600)
      #expect(try cache.trim(as: Self.holder).entries == 3)
      #expect(try names(cache).count == 2)
      try saved.readAll()
    }
  }

  /// Of two of one context, that two jobs saved at once, one goes.
  @Test func duplicates() throws {
    try withCache { cache in
      let old = try entry(in: cache, tokens: 10, age: 2000)
      let new = try entry(in: cache, tokens: 10, age: 1000)
      let unfinished = try entry(in: cache, tokens: 10, layers: 2, age: 3000)
      #expect(try cache.trim(as: Self.holder).entries == 1)
      #expect(!FileManager.default.fileExists(atPath: old.directory.path))
      try new.readAll()
      try unfinished.readAll()
    }
  }

  @Test func roomOnTheDisk() throws {
    try withCache { cache in
      let old = try entry(in: cache, tokens: 10)
      try cache.makeRoom(bytes: 1000, as: Self.holder)
      // Nothing is removed in vain.
      try cache.makeRoom(bytes: 1 << 60, as: Self.holder)
      try old.readAll()
    }
  }
}
