import Foundation
import Ranks
import TestSupport
import Testing

@Suite struct LastLevelCacheTests {
  private struct Cache {
    let level: Int
    let type: String
    let size: String
    let cores: String
  }

  /// The bytes that count for `cores` on a machine whose cores have these caches.
  private func bytes(_ machine: [Int: [Cache]], cores: [Int]) throws -> Int {
    try withTemporaryDirectory { root in
      for (core, caches) in machine {
        for (index, cache) in caches.enumerated() {
          let folder = "\(root)/cpu\(core)/cache/index\(index)"
          try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
          for (name, text) in [
            ("level", "\(cache.level)"), ("type", cache.type), ("size", cache.size),
            ("shared_cpu_list", cache.cores),
          ] {
            try Data("\(text)\n".utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
          }
        }
      }
      return LastLevelCache(cores: cores, root: root).bytes
    }
  }

  /// Two groups of two cores, each with a third-level cache of its own.
  private let groups = Dictionary(
    uniqueKeysWithValues: (0..<4).map { core in
      (
        core,
        [
          Cache(level: 1, type: "Data", size: "48K", cores: "\(core)"),
          Cache(level: 1, type: "Instruction", size: "32K", cores: "\(core)"),
          Cache(level: 3, type: "Unified", size: "32768K", cores: core < 2 ? "0-1" : "2-3"),
          Cache(level: 2, type: "Unified", size: "2M", cores: "\(core)"),
        ]
      )
    })

  @Test func isTheLastOfEachGroupOfCores() throws {
    #expect(try bytes(groups, cores: [0]) == 32 << 20)
    #expect(try bytes(groups, cores: [0, 1]) == 32 << 20)
    #expect(try bytes(groups, cores: [1, 2]) == 64 << 20)
    #expect(try bytes(groups, cores: [0, 1, 2, 3]) == 64 << 20)
  }

  @Test func levelsDoNotMixWhereTheyBelongToOneCore() throws {
    let small = [0: [Cache(level: 2, type: "Unified", size: "512K", cores: "0")]]
    #expect(try bytes(small, cores: [0]) == 512 << 10)
    #expect(
      try bytes(small.merging(groups) { first, _ in first }, cores: [0, 1]) == (32 << 20) + 524_288)
  }

  /// Where nothing is described, there still is a size.
  @Test func isNeverNothing() throws {
    #expect(try bytes([:], cores: [0]) > 1 << 20)
    #expect(try bytes(groups, cores: []) > 1 << 20)
    let odd = [0: [Cache(level: 3, type: "Unified", size: "large", cores: "0")]]
    #expect(try bytes(odd, cores: [0]) > 1 << 20)
  }
}
