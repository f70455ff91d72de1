import Foundation
import TestSupport
import Testing

extension EndToEndTests {
  /// `plan` as a program: its table, its sentences and how it fails.
  @Suite(.serialized) struct Plan {
    private func rows(_ arguments: [String], ranks: Int? = nil) throws -> [[String: Any]] {
      let run = try runRingflash(["plan", "--format", "json"] + arguments, ranks: ranks)
      expectSuccess(run, "\(arguments)")
      #expect(run.error.isEmpty, "\(run.error)")
      let object = try JSONSerialization.jsonObject(with: Data(run.text.utf8))
      return try #require(object as? [[String: Any]])
    }

    private func withMachine(
      memory: Int = 64, _ body: (_ path: String) throws -> Void
    ) throws {
      try withTemporaryDirectory { directory in
        let path = directory + "/machine.yaml"
        let yaml = PlanCommandTests.plain.replacing("memory-gb: 64", with: "memory-gb: \(memory)")
        try Data(yaml.utf8).write(to: URL(fileURLWithPath: path))
        try body(path)
      }
    }

    @Test(arguments: [nil, 2])
    func aGivenMachine(ranks: Int?) throws {
      try withMachine { path in
        let rows = try rows(
          ["--tokens", "100000", "--hosts", "4", "--machine", path], ranks: ranks)
        #expect(rows.map { $0["hosts"] as? Int } == [1, 2, 4])
        for row in rows {
          let parts = try ["linear", "attention", "exposed_kv", "exposed_weights"].map {
            try #require(row[$0] as? Double)
          }
          let prefill = try #require(row["prefill"] as? Double)
          #expect(abs(parts.reduce(0, +) / prefill - 1) < 1e-9)
          #expect(row["machine"] as? String == "machine" && row["fits"] as? String == "yes")
        }
      }
    }

    /// On one host, memory is what `inspect` counts, and weights in files.
    @Test func memoryIsThatOfInspect() throws {
      try withMachine { path in
        let row = try rows(
          [
            "--tokens", "30000", "--hosts", "1", "--ranks", "2", "--machine", path,
            "--max-tokens", "64",
          ])[0]
        let run = try runRingflash(
          ["inspect", "--tokens", "30000", "--ranks", "2", "--max-tokens", "64", "--json"])
        let object = try JSONSerialization.jsonObject(with: Data(run.text.utf8))
        let memory = try #require((object as? [String: Any])?["memory"] as? [String: Any])
        // Scratch is a thread's: here are as many as the machine's cores allow.
        let planned = Double(try #require(row["memory_bytes"] as? Int))
        #expect(abs(planned / Double(try #require(memory["total_bytes"] as? Int)) - 1) < 0.1)
      }
    }

    /// Weights are divided where they do not fit, and then they do.
    @Test func weightsThatDoNotFit() throws {
      try withMachine(memory: 300) { path in
        let model = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
          .deletingLastPathComponent().deletingLastPathComponent()
          .appendingPathComponent("configs/llama-3.1-405b").path
        let arguments = ["--model", model, "--tokens", "131072", "--hosts", "8", "--machine", path]
        let rows = try rows(arguments)
        #expect(
          rows.map { $0["weights"] as? String } == ["whole", "divided", "divided", "divided"])
        #expect(rows.map { $0["fits"] as? String } == ["no", "no", "yes", "yes"])
        let whole = try self.rows(arguments + ["--divide-weights", "off"])
        #expect(whole.allSatisfy { $0["fits"] as? String == "no" })
        #expect(whole.allSatisfy { $0["exposed_weights"] as? Double == 0 })
      }
    }

    @Test func thisMachineInSentences() throws {
      let run = try runRingflash(["plan", "--tokens", "5000", "--hosts", "2"])
      expectSuccess(run, "plan")
      for words in ["| hosts |", "It fits from 1 host on.", "The prefill ", "A token "] {
        #expect(run.text.contains(words), "\(words) in \(run.text)")
      }
    }

    /// Where there is gnuplot.
    @Test func plot() throws {
      try withMachine { machine in
        for (ending, start) in [
          ("svg", Data("<?xml".utf8)), ("png", Data([0x89, 0x50, 0x4E, 0x47])),
        ] {
          let path = "\(machine).\(ending)"
          let run = try runRingflash(
            ["plan", "--tokens", "5000", "--machine", machine, "--plot", path])
          guard run.exitCode == 0 else {
            #expect(run.exitCode == 69 && run.error.contains("gnuplot"), "\(run.error)")
            continue
          }
          let drawn = try Data(contentsOf: URL(fileURLWithPath: path))
          #expect(drawn.starts(with: start))
          let nowhere = try runRingflash(
            ["plan", "--tokens", "5000", "--machine", machine, "--plot", "\(machine)/x.\(ending)"])
          #expect(nowhere.exitCode == 74 && nowhere.output.isEmpty && nowhere.messages.count == 1)
        }
      }
    }

    @Test(arguments: [
      (["--hosts", "0"], 64, "--hosts"), (["--link", "-1"], 64, "--link"),
      (["--machine", "nowhere"], 66, "there is no machine 'nowhere'"),
      (["--model", "/nowhere"], 66, "/nowhere"),
    ])
    func failures(arguments: [String], exitCode: Int32, word: String) throws {
      for ranks in [nil, 3] {
        let run = try runRingflash(["plan", "--tokens", "1000"] + arguments, ranks: ranks)
        #expect(run.exitCode == exitCode && run.output.isEmpty)
        #expect(run.messages.count == 1 && run.messages[0].contains(word), "\(run.error)")
      }
    }
  }
}
