import Foundation
import Ranks
import TestSupport
import Testing

@Suite struct ControlGroupMemoryTests {
  /// What is available where these files are, named relative to the root.
  private func available(_ files: [String: String]) throws -> Int? {
    try withTemporaryDirectory { root in
      for (name, content) in files {
        let file = URL(fileURLWithPath: "\(root)/\(name)")
        try FileManager.default.createDirectory(
          at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(content.utf8).write(to: file)
      }
      return ControlGroupMemory(root: root).availableBytes
    }
  }

  @Test func bothVersionsAreRead() throws {
    let two = [
      "memory.max": "1000\n", "memory.current": "700\n",
      "memory.stat": "anon 300\nfile 400\nshmem 100\ninactive_file 200\nactive_file 50\n",
    ]
    #expect(try available(two) == 550)
    let one = [
      "memory/memory.limit_in_bytes": "1000\n", "memory/memory.usage_in_bytes": "700\n",
      "memory/memory.stat": "inactive_file 1\ntotal_inactive_file 200\ntotal_active_file 50\n",
    ]
    #expect(try available(one) == 550)
    #expect(try available(one.merging(two) { $1 }.merging(["memory.max": "900"]) { $1 }) == 450)
  }

  @Test func whatIsNotThereOrHasNoLimitIsNoLimit() throws {
    #expect(try available([:]) == nil)
    #expect(try available(["memory.max": "max\n", "memory.current": "700\n"]) == nil)
    #expect(try available(["memory.max": "1000", "memory.current": "700"]) == 300)
    #expect(try available(["memory.max": "600", "memory.current": "700"]) == 0)
  }
}
