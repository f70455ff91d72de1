import CommandLine
import Foundation
import Kernels
import TestSupport
import Testing
import Transformer

extension EndToEndTests {
  /// The same logits to the last bit, for any number of ranks and threads and any partition.
  @Suite(.serialized) struct Digests {
    /// Runs the first partition over all numbers of ranks, and the others over each third of them,
    /// as the sweeps inside of `RankTests` have every pair; every run of one precision must give the
    /// record of the first.
    private func sweep(
      _ arguments: [String], precision: String, environment: [String: String] = [:],
      ranks: [Int] = [1, 2, 3, 4, 5, 8], partitions: [String] = ["zigzag", "contiguous", "striped"]
    ) throws -> Record {
      var first: Record?
      for (row, partition) in partitions.enumerated() {
        for (column, ranks) in ranks.enumerated() where row == 0 || column % 3 == row {
          // One thread and two by turns.
          let threads = 1 + (row + column) % 2
          let name = "\(precision), \(ranks) ranks, \(partition), \(threads) threads"
          let record = try self.record(
            arguments + [
              "--precision", precision, "--partition", partition, "--threads", "\(threads)",
            ], ranks: ranks, environment: environment, name: name)
          let expected = first ?? record
          first = expected
          #expect(record.digest == expected.digest, "\(name)")
          #expect(record.tokenIDs == expected.tokenIDs, "\(name)")
          #expect(record.values["ranks"] as? Int == ranks, "\(name)")
          #expect(record.values["threads"] as? Int == threads, "\(name)")
          #expect(record.values["partition"] as? String == partition, "\(name)")
          #expect(record.values["precision"] as? String == precision, "\(name)")
        }
      }
      let record = try #require(first)
      #expect(record.digest.count == 64)
      return record
    }

    private func record(
      _ arguments: [String], ranks: Int?, environment: [String: String] = [:], name: String
    ) throws -> Record {
      try withTemporaryDirectory { directory in
        let path = directory + "/report.json"
        let run = try runRingflash(
          arguments + ["--report", path, "--quiet"], ranks: ranks, environment: environment)
        expectSuccess(run, name)
        return try Record(path: path)
      }
    }

    /// A context with a partly filled last block, and a prompt and an answer behind it that grow
    /// over the block's end.
    @Test(arguments: ["bf16", "fp32"])
    func builtInModel(precision: String) throws {
      let haystack = try Haystack.make(tokens: 2800, needles: 2, asked: 1, seed: 3)
      try withFile(haystack.text) { path in
        let record = try sweep(
          ["--context", path, "--prompt", "\nand again: ", "--max-tokens", "12", "--stop", "@@@"],
          precision: precision)
        #expect(record.tokenIDs.count == 12)
      }
    }

    /// Sampled from 4 layers with grouped heads, given token ids.
    @Test(arguments: ["bf16", "fp32"])
    func randomModel(precision: String) throws {
      try withTemporaryDirectory { directory in
        try writeRandomModel(to: directory + "/model")
        let ids = (0..<1_300).map { ($0 * $0 + 7 * $0) % 256 }
        try Data("\(ids)".utf8).write(to: URL(fileURLWithPath: directory + "/ids.json"))
        let arguments = [
          "--model", directory + "/model", "--token-ids", directory + "/ids.json",
          "--max-tokens", "12", "--temperature", "0.8", "--top-k", "50", "--seed",
        ]
        let record = try sweep(arguments + ["5"], precision: precision)
        #expect(Set(record.tokenIDs).count > 3)
        let other = try self.record(
          arguments + ["6", "--precision", precision], ranks: nil, name: "another seed")
        #expect(other.tokenIDs != record.tokenIDs)
      }
    }

    /// Each instruction set with itself.
    @Test(arguments: InstructionSet.available)
    func instructionSets(instructionSet: InstructionSet) throws {
      let haystack = try Haystack.make(tokens: 900, needles: 1, seed: 3)
      try withTemporaryDirectory { directory in
        try writeRandomModel(to: directory + "/model")
        let (text, ids) = (directory + "/text", directory + "/ids.json")
        try Data(haystack.text).write(to: URL(fileURLWithPath: text))
        try Data("\(haystack.text)".utf8).write(to: URL(fileURLWithPath: ids))
        for (precision, arguments) in [
          ("bf16", ["--context", text]), ("fp32", ["--context", text]),
          ("bf16", ["--model", directory + "/model", "--token-ids", ids]),
        ] {
          let record = try sweep(
            arguments + ["--max-tokens", "7"], precision: precision,
            environment: ["RINGFLASH_ISA": instructionSet.rawValue], ranks: [1, 3],
            partitions: ["zigzag"])
          #expect(record.values["instruction_set"] as? String == instructionSet.rawValue)
          if arguments.count == 2 { #expect(record.text == haystack.needles[0].passkey) }
        }
      }
    }

    /// A built-in model, written as a model directory and read back, is the same model.
    @Test(arguments: NeedleModel.Variant.allCases.map(\.rawValue))
    func exportedModel(name: String) throws {
      let haystack = try Haystack.make(tokens: 900, needles: 1, seed: 3)
      try withTemporaryDirectory { directory in
        let (model, text) = (directory + "/needle-model", directory + "/text")
        try Data(haystack.text).write(to: URL(fileURLWithPath: text))
        let export = try runRingflash(["export", model, "--model", name], ranks: 2)
        expectSuccess(export, "export")
        #expect(export.output.isEmpty)
        let embedded = try record(
          ["--context", text, "--model", name], ranks: nil, name: "embedded")
        #expect(embedded.text == haystack.needles[0].passkey + ".")
        for ranks in [nil, 3] {
          let exported = try record(
            ["--context", text, "--model", model], ranks: ranks, name: "exported")
          #expect(exported.digest == embedded.digest)
          #expect(exported.text == embedded.text && exported.tokenIDs == embedded.tokenIDs)
        }
        let again = try runRingflash(["export", model])
        #expect(again.exitCode == 74 && again.messages.count == 1 && again.error.contains(model))
        expectSuccess(try runRingflash(["export", model, "--overwrite"]), "export again")
      }
    }
  }
}
