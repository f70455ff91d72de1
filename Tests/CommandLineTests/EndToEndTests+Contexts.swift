import CommandLine
import ContextFiles
import Foundation
import TestSupport
import Testing

extension EndToEndTests {
  /// `ringflash contexts`, and contexts that extend others.
  @Suite(.serialized) struct Contexts {
    private static let baseTokens = 2100
    private static let tokens = 3000

    /// Calls `body` with a folder in which `base` is a saved context, `whole` another that begins with
    /// the same tokens, and `more` has the tokens of `whole` as an extension of `base`.
    private func withContexts(_ body: (_ folder: String) throws -> Void) throws {
      try withTemporaryDirectory { folder in
        let text = try Haystack.make(tokens: Self.tokens, needles: 2, seed: 1).text
        func save(_ name: String, _ text: ArraySlice<UInt8>, _ arguments: [String]) throws {
          let path = "\(folder)/\(name).txt"
          try Data(text).write(to: URL(fileURLWithPath: path))
          let run = try runRingflash(
            arguments + [path, "--save", "\(folder)/\(name)", "--max-tokens", "0"])
          expectSuccess(run, name)
        }
        try save("base", text.prefix(Self.baseTokens), ["--context"])
        try save("whole", text[...], ["--context"])
        try save(
          "more", text.dropFirst(Self.baseTokens), ["--resume", folder + "/base", "--append"])
        try body(folder)
      }
    }

    private func lines(_ arguments: [String]) throws -> [[String: Any]] {
      let run = try runRingflash(arguments + ["--format", "json"])
      expectSuccess(run, "\(arguments)")
      return try #require(
        JSONSerialization.jsonObject(with: Data(run.output)) as? [[String: Any]])
    }

    @Test func anExtensionIsAskedAsIfItWereOne() throws {
      try withContexts { folder in
        func digest(_ name: String, ranks: Int?) throws -> String {
          let run = try runRingflash(
            [
              "--resume", "\(folder)/\(name)", "--prompt", "Which? ", "--max-tokens", "3",
              "--json",
            ], ranks: ranks)
          expectSuccess(run, name)
          return try Record(json: Data(run.output)).digest
        }
        let expected = try digest("whole", ranks: nil)
        #expect(try digest("more", ranks: nil) == expected)
        try FileManager.default.removeItem(atPath: folder + "/base")
        #expect(try digest("more", ranks: 3) == expected)
      }
    }

    @Test func inspectShowsWhatItExtends() throws {
      try withContexts { folder in
        func inspect() throws -> (text: String, json: [String: Any]) {
          let text = try runRingflash(["inspect", folder + "/more", "--verify"])
          expectSuccess(text, "inspect")
          let json = try runRingflash(["inspect", folder + "/more", "--json"])
          return (text.text, try Record(json: Data(json.output)).values)
        }
        let (text, json) = try inspect()
        #expect(text.contains("2100 tokens of \(folder)/base, which is there and unchanged"))
        #expect(text.contains("files that other folders have, too"))
        #expect(text.contains("--resume \(folder)/more --append FILE --save DIR"))
        let bases = try #require(json["bases"] as? [[String: Any]])
        #expect(bases.count == 1 && bases[0]["state"] as? String == "unchanged")
        #expect(bases[0]["tokens"] as? Int == 2100 && bases[0]["rotation_tokens"] as? Int == 2100)
        let manifest = try ContextDirectory(path: folder + "/more").manifest()
        let shared = 8 * manifest.description.layout.blockBytes(layers: manifest.finishedLayers)
        #expect(json["shared_bytes"] as? Int == shared)
        #expect(bases[0]["shared_bytes"] as? Int == shared)
        try FileManager.default.removeItem(atPath: folder + "/base")
        #expect(try inspect().text.contains("which is gone"))
        #expect(try inspect().json["shared_bytes"] as? Int == 0)
      }
    }

    @Test func theTree() throws {
      try withContexts { folder in
        let rows = try lines(["contexts", folder])
        #expect(
          rows.map { $0["path"] as? String } == ["base", "more", "whole"].map { "\(folder)/\($0)" })
        #expect(rows.map { $0["depth"] as? Int } == [0, 1, 0])
        #expect(rows.map { $0["tokens"] as? Int } == [2100, 3000, 3000])
        #expect(rows.allSatisfy { $0["state"] as? String == "finished" })
        #expect(rows[1]["parent"] as? String == folder + "/base")
        #expect(rows[1]["parent_state"] as? String == "unchanged")
        #expect(rows[0]["parent"] is NSNull && rows[0]["host"] is NSNull)
        #expect(rows[0]["shared_bytes"] as? Int == rows[1]["shared_bytes"] as? Int)

        let text = try runRingflash(["contexts", folder], ranks: 2)
        expectSuccess(text, "contexts")
        #expect(text.text.contains("| └ \(folder)/more") && text.text.contains("3 saved contexts."))
        let csv = try runRingflash(["contexts", folder, "--format", "csv"])
        #expect(csv.text.hasPrefix("path,model,precision,tokens,own_bytes,shared_bytes,state,"))

        // All moved together.
        let moved = folder + "/moved"
        try FileManager.default.createDirectory(
          atPath: moved, withIntermediateDirectories: false)
        for name in ["base", "more"] {
          try FileManager.default.moveItem(
            atPath: "\(folder)/\(name)", toPath: "\(moved)/\(name)")
        }
        let there = try lines(["contexts", moved])
        #expect(there.map { $0["depth"] as? Int } == [0, 1])
        #expect(there[1]["parent"] as? String == moved + "/base")
        #expect(there[1]["parent_state"] as? String == "unchanged")
        let alone = try lines(["contexts", moved + "/more"])
        #expect(alone[0]["parent"] as? String == folder + "/base")
        #expect(alone[0]["parent_state"] as? String == "gone")
        for name in ["base", "more"] {
          try FileManager.default.moveItem(
            atPath: "\(moved)/\(name)", toPath: "\(folder)/\(name)")
        }

        try Data("{".utf8).write(to: URL(fileURLWithPath: folder + "/base/manifest.json"))
        let damaged = try lines(["contexts", folder])
        #expect(damaged.map { $0["state"] as? String } == ["damaged", "finished", "finished"])
        #expect((damaged[0]["problem"] as? String)?.contains("base/manifest.json") == true)
        #expect(damaged[1]["parent_state"] as? String == "changed")
        #expect(damaged[1]["depth"] as? Int == 0)
      }
    }

    @Test func pruning() throws {
      try withContexts { folder in
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: folder + "/whole/base-tail.kv"))
        try FileManager.default.removeItem(atPath: folder + "/more/manifest.json")
        let listed = try lines(["contexts", folder])
        #expect(listed.map { $0["state"] as? String } == ["finished", "given up", "finished"])
        let freed = listed[1]["own_bytes"] as? Int
        let pruned = try lines(["contexts", folder, "--prune"])
        #expect(pruned.map { $0["path"] as? String } == [folder + "/more", folder + "/whole"])
        #expect(pruned.map { $0["removed"] as? String } == ["folder", "base-tail.kv"])
        #expect(pruned.map { $0["freed_bytes"] as? Int } == [freed, 3])
        #expect(!FileManager.default.fileExists(atPath: folder + "/more"))
        let again = try runRingflash(["contexts", folder, "--prune"])
        #expect(again.text == "There is nothing to remove.\n")
        for name in ["base", "whole"] {
          expectSuccess(try runRingflash(["inspect", "\(folder)/\(name)", "--verify"]), name)
        }
      }
    }

    @Test func foldersWithNone() throws {
      try withTemporaryDirectory { folder in
        #expect(try lines(["contexts", folder]).isEmpty)
        #expect(try runRingflash(["contexts", folder]).text == "0 saved contexts.\n")
        for format in ["csv", "jsonl"] {
          let run = try runRingflash(["contexts", folder, "--format", format])
          #expect(run.exitCode == 0 && run.output.isEmpty)
        }
        for (arguments, code) in [
          ([folder + "/none"], 66), ([], 64), ([folder, "--format", "x"], 64),
        ] {
          let run = try runRingflash(["contexts"] + arguments)
          #expect(run.exitCode == Int32(code) && run.messages.count == 1, "\(run.error)")
        }
      }
    }
  }
}
