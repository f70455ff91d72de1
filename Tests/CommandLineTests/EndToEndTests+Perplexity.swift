import CommandLine
import Foundation
import ModelFiles
import TestSupport
import Testing

extension EndToEndTests {
  /// `perplexity`: the figures are those of the logits that `generate` writes, on any number of ranks.
  @Suite(.serialized) struct Perplexity {
    /// Calls `body` with the options for a text of token ids and a model of 4 layers with random weights.
    private func withText(
      tokens: Int, _ body: (_ directory: String, _ text: [String], _ ids: [Int]) throws -> Void
    ) throws {
      try withTemporaryDirectory { directory in
        try writeRandomModel(to: directory + "/model")
        let ids = (0..<tokens).map { ($0 * $0 + 7 * $0) % 256 }
        try Data("\(ids)".utf8).write(to: URL(fileURLWithPath: directory + "/ids.json"))
        try body(
          directory, ["--model", directory + "/model", "--token-ids", directory + "/ids.json"],
          ids)
      }
    }

    private func perplexity(_ arguments: [String], ranks: Int? = nil) throws -> Record {
      let run = try runRingflash(
        ["perplexity"] + arguments + ["--json", "--quiet"], ranks: ranks)
      expectSuccess(run, "\(arguments)")
      #expect(run.error.isEmpty)
      return try Record(json: Data(run.output))
    }

    /// Has `generate` write the text's logits.
    private func writeLogits(_ text: [String], _ precision: String, to path: String) throws {
      expectSuccess(
        try runRingflash(
          text + [
            "--precision", precision, "--max-tokens", "0", "--logits", path, "--logits-all",
            "--quiet",
          ]), "logits")
    }

    /// `[positions][vocabulary]` of natural logarithms of probabilities, in Float64.
    private func logProbabilities(_ path: String) throws -> [[Double]] {
      let file = try SafetensorsFile(path: path)
      let tensor = try #require(file.tensor(named: "logits"))
      let logits = tensor.bytes.withMemoryRebound(to: Float.self) { $0.map(Double.init) }
      return stride(from: 0, to: logits.count, by: tensor.shape[1]).map { first in
        let row = logits[first..<first + tensor.shape[1]]
        let maximum = row.max()!
        let sum = row.reduce(0) { $0 + exp($1 - maximum) }
        return row.map { $0 - maximum - log(sum) }
      }
    }

    /// All that must not depend on ranks, threads and partition.
    private func figures(_ record: Record) throws -> String {
      let keys = ["against", "negative_log_likelihood", "perplexity", "tokens"]
      let values = record.values.filter { keys.contains($0.key) }
      #expect(values.count == keys.count)
      return String(
        decoding: try JSONSerialization.data(withJSONObject: values, options: [.sortedKeys]),
        as: UTF8.self)
    }

    /// Against the logits of the other precision.
    @Test(arguments: [("bf16", "fp32"), ("fp32", "bf16")])
    func figuresAreThoseOfTheLogitsOnAnyNumberOfRanks(precision: String, other: String) throws {
      try withText(tokens: 1300) { directory, text, ids in
        let (own, reference) = (directory + "/own", directory + "/reference")
        try writeLogits(text, precision, to: own)
        try writeLogits(text, other, to: reference)
        let arguments = text + ["--precision", precision, "--against", reference]
        let first = try perplexity(arguments + ["--threads", "1"])
        let expected = try figures(first)
        for (row, partition) in ["zigzag", "contiguous", "striped"].enumerated() {
          for (column, ranks) in [2, 3, 8].enumerated() where row == 0 || column == row {
            let threads = 1 + (row + column) % 2
            let record = try perplexity(
              arguments + ["--partition", partition, "--threads", "\(threads)"], ranks: ranks)
            #expect(try figures(record) == expected, "\(ranks) ranks, \(partition)")
            #expect(record.values["ranks"] as? Int == ranks)
            #expect(record.values["partition"] as? String == partition)
          }
        }
        try expectFigures(
          first, logProbabilities(own), logProbabilities(reference), ids: ids, path: reference)
      }
    }

    private func expectFigures(
      _ record: Record, _ own: [[Double]], _ reference: [[Double]], ids: [Int], path: String
    ) throws {
      func mean(_ values: [Double]) -> (mean: Double, error: Double) {
        let count = Double(values.count)
        let mean = values.reduce(0, +) / count
        let variance = values.reduce(0) { $0 + pow($1 - mean, 2) } / (count - 1)
        return (mean, (variance / count).squareRoot())
      }
      func expect(
        _ object: [String: Any], _ key: String, _ value: (mean: Double, error: Double)
      ) throws {
        let figure = try #require(object[key] as? [String: Double], "\(key)")
        #expect(abs(figure["value"]! - value.mean) <= 1e-9 * max(1, value.mean), "\(key)")
        #expect(abs(figure["standard_error"]! - value.error) <= 1e-9 * max(1, value.mean), "\(key)")
      }
      let positions = 0..<ids.count - 1
      let surprisals = positions.map { -own[$0][ids[$0 + 1]] }
      let likelihood = mean(surprisals)
      try expect(record.values, "negative_log_likelihood", likelihood)
      let perplexity = exp(likelihood.mean)
      try expect(record.values, "perplexity", (perplexity, perplexity * likelihood.error))
      #expect(
        record.values["tokens"] as? [String: Int]
          == ["context": ids.count, "counted": positions.count, "skipped": 0])

      let against = try #require(record.values["against"] as? [String: Any])
      let references = positions.map { -reference[$0][ids[$0 + 1]] }
      let theirs = mean(references)
      try expect(
        against, "perplexity", (exp(theirs.mean), exp(theirs.mean) * theirs.error))
      let difference = mean(zip(surprisals, references).map { $0 - $1 })
      try expect(
        against, "perplexity_ratio",
        (exp(difference.mean), exp(difference.mean) * difference.error))
      let divergences = positions.map { position in
        zip(reference[position], own[position]).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
      }
      try expect(against, "divergence", mean(divergences))
      #expect(
        abs((against["maximum_divergence"] as? Double ?? .nan) - divergences.max()!) <= 1e-9)
      let sorted = divergences.sorted()
      #expect((against["median_divergence"] as? Double ?? .nan) >= sorted[0])
      #expect(
        abs((against["median_divergence"] as? Double ?? .nan) - sorted[positions.count / 2])
          <= sorted[positions.count / 2 + 1] - sorted[positions.count / 2 - 1] + 1e-9)
      #expect(
        (against["percentile99_divergence"] as? Double ?? .nan) > sorted[positions.count * 98 / 100]
      )
      try expect(
        against, "same_top",
        mean(
          positions.map {
            own[$0].firstIndex(of: own[$0].max()!)
              == reference[$0].firstIndex(of: reference[$0].max()!) ? 1 : 0
          }))
      #expect(against["path"] as? String == path)
    }

    /// The lines, the report, text by a tokenizer, and standard input; a model does not diverge from
    /// itself.
    @Test func text() throws {
      let haystack = try Haystack.make(tokens: 700, needles: 1, seed: 2)
      try withFile(haystack.text) { path in
        let (logits, report) = (path + ".logits", path + ".json")
        try writeLogits(["--context", path], "bf16", to: logits)
        let run = try runRingflash(
          ["perplexity", "--context", path, "--against", logits, "--report", report], ranks: 3)
        expectSuccess(run, "text")
        let lines = run.text.split(separator: "\n").map(String.init)
        #expect(lines.first == "model                    needle, bf16")
        #expect(lines.contains("predictions              699 of a text of 700 tokens"))
        #expect(lines.contains { $0.wholeMatch(of: /perplexity +\S+ ± \S+/) != nil }, "\(lines)")
        #expect(lines.contains("reference                \(logits)"))
        #expect(lines.contains("KL divergence            0 ± 0 nats a token"))
        #expect(lines.contains("same top token           100 ± 0 %"))
        #expect(run.error.contains("prefill: ") && run.error.contains("score: "))

        let record = try Record(path: report)
        let again = try runRingflash(
          ["perplexity", "--context", "-", "--against", logits, "--json", "--quiet"],
          input: String(decoding: haystack.text, as: UTF8.self))
        let other = try Record(json: Data(again.output))
        #expect(try figures(record) == figures(other))
        let without = try perplexity(["--context", path])
        #expect(without.values["against"] is NSNull)
        for key in Outputs.keys.subtracting([
          "text", "tokens_per_second", "logits_digest", "sources", "token_sources",
        ]) {
          #expect(record.values[key] != nil, "\(key)")
        }
        #expect((record.values["model_digest"] as? String)?.count == 64)
      }
    }

    /// The first predictions are left out; of one alone there is no error.
    @Test func skipped() throws {
      try withText(tokens: 300) { directory, text, ids in
        let logits = directory + "/logits"
        try writeLogits(text, "bf16", to: logits)
        let own = try logProbabilities(logits)
        for skipped in [1, 256, 298] {
          for ranks in [nil, 3] {
            let record = try perplexity(
              text + ["--skip", "\(skipped)", "--against", logits], ranks: ranks)
            let values = (skipped..<299).map { -own[$0][ids[$0 + 1]] }
            let figure = try #require(
              record.values["negative_log_likelihood"] as? [String: Any])
            let mean = values.reduce(0, +) / Double(values.count)
            #expect(abs((figure["value"] as? Double ?? .nan) - mean) <= 1e-9)
            #expect((figure["standard_error"] is NSNull) == (skipped == 298))
            #expect(
              record.values["tokens"] as? [String: Int]
                == ["context": 300, "counted": 299 - skipped, "skipped": skipped])
          }
        }
      }
    }

    @Test func failures() throws {
      try withText(tokens: 20) { directory, text, _ in
        let folder = try TemporaryDirectory()
        func logits(_ name: String, _ shape: [Int], _ value: Float = 0) throws -> String {
          let path = "\(folder.path)/\(name)"
          var values = [Float](repeating: 0, count: shape.reduce(1, *))
          values[values.count / 2] = value
          try SafetensorsWriter.write(
            [Tensor(name: "t", elementType: .float32, shape: shape, copying: values)], to: path)
          return path
        }
        let right = try logits("right", [20, 300])
        let one = try folder.write("one", "[5]")
        let two = try folder.write("two", "[5, 6]")
        let none = try folder.write("none", "[]")
        let byte = try folder.write("byte", "a")
        let empty = try folder.write("empty", "")
        let model = Array(text[..<2])
        let cases: [(arguments: [String], exitCode: Int32, words: [String])] = [
          ([], 64, ["--context", "--token-ids"]),
          (text + ["--context", byte], 64, ["exclude each other"]),
          (text + ["--skip", "-1"], 64, ["--skip"]),
          (text + ["--skip", "19"], 64, ["--skip 19", "19 predictions", "less than 19"]),
          (model + ["--token-ids", two, "--skip", "1"], 64, ["1 prediction;"]),
          (text + ["--max-tokens", "3"], 64, ["--max-tokens"]),
          (text + ["--against", right, "--report", right], 64, ["the reference logits", right]),
          (["--token-ids", one], 65, ["1 token", "2 tokens or more"]),
          (["--context", byte], 65, ["1 token"]), (["--context", empty], 65, ["empty"]),
          (model + ["--token-ids", none], 65, ["none"]),
          (model + ["--context", byte], 66, ["tokenizer.json"]),
          (["--context", folder.path + "/missing"], 66, ["missing"]),
          (text + ["--against", folder.path + "/missing"], 66, ["missing"]),
          (text + ["--against", folder.path], 66, ["directory"]),
          (text + ["--against", byte], 65, [byte]),
          (text + ["--against", empty], 65, [empty, "empty"]),
          (text + ["--against", try logits("flat", [6000])], 65, ["shape [6000]"]),
          (
            text + ["--against", try logits("short", [19, 300])], 65, ["19 positions", "20 tokens"]
          ),
          (
            text + ["--against", try logits("wide", [20, 304])], 65,
            ["304", "300", "the file has 4 more"]
          ),
          (
            text + ["--against", try logits("nan", [20, 300], .nan)], 65,
            ["nan: the logits of position 10 "]
          ),
          (text + ["--report", directory + "/missing/r"], 74, ["missing/r"]),
        ]
        for (index, (arguments, exitCode, words)) in cases.enumerated() {
          let run = try runRingflash(
            ["perplexity"] + arguments, ranks: index % 2 == 0 ? nil : 3)
          let name: Comment = "\(arguments): \(run.error)"
          #expect(run.exitCode == exitCode, name)
          #expect(run.output.isEmpty && run.messages.count == 1, name)
          for word in words { #expect(run.messages.first?.contains(word) == true, name) }
          #expect(!run.error.contains("prefill:"), name)
        }
      }
    }

    /// Weights that give no numbers give no perplexity.
    @Test func logitsThatAreNone() throws {
      try withText(tokens: 20) { directory, text, _ in
        let path = directory + "/model/model.safetensors"
        let file = try SafetensorsFile(path: path)
        let tensors = file.names.map { name -> Tensor in
          let tensor = file.tensor(named: name)!
          guard name.hasSuffix("model.norm.weight") else { return tensor }
          return Tensor(
            name: name, elementType: .bfloat16, shape: tensor.shape,
            copying: [UInt16](repeating: 0x7fc0, count: tensor.shape[0]))
        }
        try SafetensorsWriter.write(tensors, metadata: file.metadata, to: path)
        for ranks in [nil, 2] {
          let run = try runRingflash(["perplexity"] + text, ranks: ranks)
          #expect(run.exitCode == 65 && run.output.isEmpty, "\(run.error)")
          #expect(run.messages.count == 1 && run.error.contains("prediction of token 1 is"))
        }
      }
    }
  }
}
