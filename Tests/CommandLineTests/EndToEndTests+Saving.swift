import CommandLine
import Foundation
import TestSupport
import Testing

extension EndToEndTests {
  /// `--save` and `--resume`: a saved context gives the answers of one run, whoever saved it and
  /// whoever asks.
  @Suite(.serialized) struct Saving {
    /// Calls `body` with a directory that has a context of some blocks in `text`.
    private func withContext(
      tokens: Int = 3000, _ body: (_ directory: String, _ context: [String]) throws -> Void
    ) throws {
      try withTemporaryDirectory { directory in
        let haystack = try Haystack.make(tokens: tokens, needles: 2, seed: 1)
        try Data(haystack.text).write(to: URL(fileURLWithPath: directory + "/text"))
        try body(directory, ["--context", directory + "/text", "--max-tokens", "4"])
      }
    }

    private func record(
      _ arguments: [String], ranks: Int? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Record {
      let run = try runRingflash(arguments + ["--json"], ranks: ranks)
      expectSuccess(run, "\(arguments)", sourceLocation: sourceLocation)
      return try Record(json: Data(run.output))
    }

    private func seconds(_ record: Record, _ key: String) -> Double {
      (record.values["seconds"] as? [String: Any])?[key] as? Double ?? .nan
    }

    private func expectFailure(
      _ arguments: [String], _ exitCode: Int32, _ words: [String], ranks: [Int?] = [nil, 2],
      environment: [String: String] = [:], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      for ranks in ranks {
        let run = try runRingflash(arguments, ranks: ranks, environment: environment)
        let name = "\(arguments) on \(ranks ?? 0) ranks: \(run.error)"
        #expect(run.exitCode == exitCode, "\(name)", sourceLocation: sourceLocation)
        #expect(run.output.isEmpty, "\(name)", sourceLocation: sourceLocation)
        #expect(run.messages.count == 1, "\(name)", sourceLocation: sourceLocation)
        for word in words {
          #expect(
            run.messages.first?.contains(word) == true, "no '\(word)' in \(name)",
            sourceLocation: sourceLocation)
        }
      }
    }

    /// Asked again by other numbers of ranks with other partitions.
    @Test(arguments: [nil, 4])
    func aSavedContextIsAskedAgain(savers: Int?) throws {
      try withContext { directory, context in
        let saved = directory + "/saved"
        let first = try record(context + ["--prompt", "The passkey is "])
        let second = try record(context + ["--prompt", "Which one? "])
        let plain = try record(context)

        let saving = try record(
          context + ["--prompt", "The passkey is ", "--save", saved], ranks: savers)
        #expect(saving.digest == first.digest && saving.text == first.text)
        #expect(seconds(saving, "save") > 0 && seconds(saving, "restore") == 0)
        for (ranks, partition) in [
          (nil, "zigzag"), (2, "striped"), (3, "contiguous"), (8, "zigzag"),
        ] as [(Int?, String)] {
          let arguments = ["--resume", saved, "--max-tokens", "4", "--partition", partition]
          for (prompt, expected) in [
            (["--prompt", "Which one? "], second), (["--prompt", "The passkey is "], first),
            ([], plain),
          ] {
            guard ranks != 8 || prompt.isEmpty else { continue }
            let again = try record(arguments + prompt, ranks: ranks)
            #expect(again.digest == expected.digest, "\(ranks ?? 1), \(partition), \(prompt)")
            #expect(again.tokenIDs == expected.tokenIDs && again.text == expected.text)
            #expect(seconds(again, "restore") > 0 && seconds(again, "save") == 0)
            #expect(again.values["restored_layers"] as? Int == again.values["layers"] as? Int)
            #expect((again.values["flops"] as? [String: Double])?["attention"] == 0)
          }
        }
      }
    }

    /// A model of files in another precision, given by token ids, and moved after it was saved.
    @Test func aModelOfFiles() throws {
      try withTemporaryDirectory { directory in
        let (path, ids, saved) = (directory + "/model", directory + "/ids", directory + "/saved")
        try writeRandomModel(to: path)
        try Data("\((0..<700).map { $0 * 7 % 300 })".utf8).write(to: URL(fileURLWithPath: ids))
        let context = [
          "--token-ids", ids, "--model", path, "--precision", "fp32", "--max-tokens", "4",
        ]
        let whole = try record(context)
        _ = try record(context + ["--save", saved], ranks: 3)
        let again = ["--resume", saved, "--max-tokens", "4"]
        #expect(try record(again, ranks: 2).digest == whole.digest)
        try expectFailure(again + ["--precision", "bf16"], 64, ["--precision", "fp32", saved])

        try FileManager.default.moveItem(atPath: path, toPath: directory + "/moved")
        try expectFailure(again, 66, [saved, path, "--model PATH"])
        let moved = again + ["--model", directory + "/moved"]
        #expect(try record(moved).digest == whole.digest)
        try expectFailure(again + ["--model", "needle"], 69, [saved, "another model"])
        try expectFailure(moved + ["--random-weights"], 69, [saved, "random weights"])
      }
    }

    /// Interrupted by each of the signals that batch systems send, and resumed by other ranks.
    @Test(arguments: [("TERM", nil, 3), ("USR1", 1, 2), ("INT", 0, 1)] as [(String, Int?, Int)])
    func interruptedAndResumed(signal: String, rank: Int?, resumers: Int) throws {
      try withContext(tokens: 30_000) { directory, context in
        let saved = directory + "/saved"
        let whole = try record(context, ranks: 2)
        // The signal comes when the first checkpoint is there, so in the middle of the prefill.
        let waiting = """
          (until [[ -e \(saved)/manifest.json ]]; do sleep 0.01; done; kill -\(signal) $$) &
          """
        let script =
          rank.map { "if [[ ${OMPI_COMM_WORLD_RANK:-0} == \($0) ]]; then \(waiting) fi; " }
          ?? waiting
        let launcher = rank == nil ? [] : ["mpirun", "-np", "2"]
        let run = try runProgram(
          launcher + ["bash", "-c", script + "\nexec \"$@\"", "bash", programPath] + context
            + ["--save", saved, "--checkpoint-every", "0.00001"])
        #expect(run.exitCode == 75 && run.output.isEmpty, "\(run.error)")
        #expect(run.messages.count == 1, "\(run.error)")
        for word in ["SIG\(signal)", "layers are saved", "--resume \(saved)"] {
          #expect(run.messages.first?.contains(word) == true, "\(run.error)")
        }
        let inspected = try Record(
          json: Data(runRingflash(["inspect", saved, "--verify", "--json"]).output))
        #expect(inspected.values["is_finished"] as? Bool == false)
        #expect(inspected.values["is_verified"] as? Bool == true)

        let resumed = try record(
          ["--resume", saved, "--max-tokens", "4", "--partition", "striped"], ranks: resumers)
        #expect(resumed.digest == whole.digest && resumed.text == whole.text)
        #expect((resumed.values["restored_layers"] as? Int ?? 0) > 0)
        // Now it is whole, and is asked without a prefill.
        let asked = try record(["--resume", saved, "--max-tokens", "4"])
        #expect(asked.digest == whole.digest)
        #expect(asked.values["restored_layers"] as? Int == asked.values["layers"] as? Int)
      }
    }

    /// Killed without warning at some moments: what is on disk is whole or absent, and the same
    /// command line works again.
    @Test func killed() throws {
      try withContext(tokens: 20_000) { directory, context in
        let whole = try record(context)
        for (round, milliseconds) in [50, 300, 600, 900].enumerated() {
          let saved = "\(directory)/saved\(round)"
          let delay = "(sleep \(Double(milliseconds) / 1000); kill -KILL $$) & exec \"$@\""
          let arguments = context + ["--save", saved, "--checkpoint-every", "0.00001"]
          let run = try runProgram(["bash", "-c", delay, "bash", programPath] + arguments)
          let isThere = FileManager.default.fileExists(atPath: saved + "/manifest.json")
          #expect(run.exitCode == 137 || isThere, "\(run.error)")
          if isThere {
            expectSuccess(try runRingflash(["inspect", saved, "--verify"]), "inspect")
          }
          let again = try record(isThere ? ["--resume", saved, "--max-tokens", "4"] : arguments)
          #expect(again.digest == whole.digest, "after \(milliseconds) ms")
        }
      }
    }

    // MARK: - What is wrong

    @Test func placesToSaveIn() throws {
      try withContext(tokens: 600) { directory, context in
        let saved = directory + "/saved"
        _ = try record(context + ["--save", saved], ranks: 2)
        try expectFailure(context + ["--save", saved], 74, [saved, "--resume", "remove it"])
        try expectFailure(context + ["--save", directory], 74, [directory, "no part", "text"])
        try expectFailure(context + ["--save", directory + "/text"], 74, ["is no folder"])
        try expectFailure(
          context + ["--save", directory + "/missing/saved"], 74, ["/missing/saved"])
        try expectFailure(context + ["--save", "/proc/saved"], 74, ["/proc/saved"])
        try expectFailure(
          context + ["--report", saved + "2", "--save", saved + "2"], 64,
          ["--report", "the saved context"])
      }
    }

    @Test func placesToResume() throws {
      try withContext(tokens: 600) { directory, _ in
        try expectFailure(["--resume", directory + "/none"], 66, [directory + "/none", "folder"])
        try expectFailure(["--resume", directory + "/text"], 66, [directory + "/text"])
        try expectFailure(["--resume", directory], 66, [directory, "no saved context"])
        try Data("{}".utf8).write(to: URL(fileURLWithPath: directory + "/manifest.json"))
        try expectFailure(["--resume", directory], 65, [directory + "/manifest.json"])
        try expectFailure(["inspect", directory], 65, [directory + "/manifest.json"])
      }
    }

    /// A flipped bit, a file cut short, a missing one, in every kind of file.
    @Test func damagedFiles() throws {
      try withContext(tokens: 900) { directory, context in
        let saved = directory + "/saved"
        _ = try record(context + ["--save", saved])
        for name in ["tokens.bin", "blocks/000002.kv", "last-position.f32", "manifest.json"] {
          let path = "\(saved)/\(name)"
          let url = URL(fileURLWithPath: path)
          let bytes = try Data(contentsOf: url)
          var flipped = bytes
          flipped[bytes.count / 2] ^= 1
          for (changed, word, ranks) in [
            (flipped, "checksum", 2), (bytes.dropLast(7), "cut short", nil),
          ] as [(Data, String, Int?)] {
            try changed.write(to: url)
            let words = name == "manifest.json" ? [path] : [path, word]
            try expectFailure(["--resume", saved], 65, words, ranks: [ranks])
            try expectFailure(["inspect", saved, "--verify"], 65, words, ranks: [nil])
          }
          try FileManager.default.removeItem(atPath: path)
          try expectFailure(
            ["--resume", saved], 66, name == "manifest.json" ? [saved] : [path, "missing"],
            ranks: [2])
          try bytes.write(to: url)
        }
        expectSuccess(try runRingflash(["inspect", saved, "--verify"]), "restored")
      }
    }

    @Test func anotherInstructionSet() throws {
      try withContext(tokens: 600) { directory, context in
        let saved = directory + "/saved"
        let portable = ["RINGFLASH_ISA": "portable"]
        let run = try runRingflash(context + ["--save", saved], environment: portable)
        expectSuccess(run, "save")
        let again = try runRingflash(
          ["--resume", saved, "--max-tokens", "4"], ranks: 2, environment: portable)
        expectSuccess(again, "resume")
        #expect(again.text == run.text)
        let help = try runRingflash(["info"]).text
        guard help.contains("avx2") else { return }
        try expectFailure(
          ["--resume", saved], 69, [saved, "portable", "RINGFLASH_ISA=portable"],
          environment: ["RINGFLASH_ISA": "avx2"])
      }
    }

    /// Room is looked for before anything is computed.
    @Test(.enabled(if: canMountDisk, "needs leave to mount a small file system"))
    func noRoom() throws {
      try withContext(tokens: 600) { directory, context in
        let disk = directory + "/disk"
        try FileManager.default.createDirectory(
          atPath: disk, withIntermediateDirectories: false)
        try #require(mount("tmpfs", disk, "tmpfs", 0, "size=1m") == 0)
        defer { umount2(disk, 2) }
        let saving = context + ["--save", disk + "/saved"]
        try expectFailure(saving, 74, [disk, "MB free", "make room"])
        // What it left is no saved context.
        try expectFailure(["--resume", disk + "/saved"], 66, ["no saved context"], ranks: [nil])

        // Nobody may write to a file system that is mounted for reading only.
        try #require(mount("tmpfs", disk, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), nil) == 0)
        try expectFailure(context + ["--save", disk + "/other"], 74, [disk, "read-only"])
        try expectFailure(saving, 74, [disk, "read-only"])
      }
    }

    private static let canMountDisk: Bool =
      (try? withTemporaryDirectory { directory in
        guard mount("tmpfs", directory, "tmpfs", 0, "size=1m") == 0 else { return false }
        return umount2(directory, 2) == 0
      }) ?? false
  }
}
