import Foundation
import Testing
import ringflash

extension EndToEndTests {
  /// Every benchmark, alone and on 2 ranks, with sizes that take moments: what stands in its lines,
  /// not how fast it is.
  @Suite(.serialized) struct Benchmarks {
    private typealias Row = [String: Any]

    /// The lines of a run that prints JSON.
    private func rows(_ arguments: [String], ranks: Int?) throws -> [Row] {
      let run = try runRingflash(
        ["bench"] + arguments + ["--repetitions", "2", "--format", "json"], ranks: ranks)
      expectSuccess(run, "\(arguments)")
      #expect(run.error.isEmpty, "\(arguments): \(run.error)")
      let rows = try #require(
        JSONSerialization.jsonObject(with: Data(run.output)) as? [Row])
      for row in rows {
        #expect(row["ranks"] as? Int == ranks ?? 1)
        #expect(try #require(row["threads"] as? Int) >= 1)
        #expect(row["repetitions"] as? Int == 2)
        let fraction = try number("fraction_of_peak", row)
        #expect(fraction > 0 && fraction < 1000, "\(row)")
      }
      return rows
    }

    private func number(_ name: String, _ row: Row) throws -> Double {
      let value = try #require(row[name] as? Double, "\(name) in \(row)")
      #expect(value.isFinite)
      return value
    }

    /// A line's rate, with its peak and deviation, is there; the other kind of rate is not.
    private func checkRate(_ rate: String, not other: String, _ row: Row) throws {
      let (value, peak) = (try number(rate, row), try number("peak_\(rate)", row))
      #expect(value > 0 && peak > 0)
      #expect(try number("\(rate)_stddev", row) >= 0)
      #expect(abs(try number("fraction_of_peak", row) - value / peak) < 1e-9)
      for name in [other, "\(other)_stddev", "peak_\(other)"] {
        #expect(row[name] is NSNull || row[name] == nil, "\(name) in \(row)")
      }
      if rate == "gflops" {
        let dotProduct = row["dot_product_gflops"] as? Double
        #expect(dotProduct.map { $0 > 0 } ?? (row["dot_product_gflops"] is NSNull))
        #expect(
          row["peak"] as? String == "multiply-add"
            || row["peak"] as? String == "dot product" && peak == dotProduct)
      } else {
        #expect(row["peak"] as? String == "memory read")
      }
    }

    @Test(arguments: [(nil, "bf16"), (2, "bf16"), (nil, "fp32")] as [(Int?, String)])
    func attention(ranks: Int?, precision: String) throws {
      let lines = try rows(
        ["attention", "--tokens", "1024", "--precision", precision], ranks: ranks)
      #expect(lines.count == 1)
      let row = try #require(lines.first)
      #expect(row["test"] as? String == "attention" && row["tokens"] as? Int == 1024)
      #expect(row["precision"] as? String == precision)
      try checkRate("gflops", not: "gb_per_second", row)
      if precision == "fp32" { #expect(row["peak"] as? String == "multiply-add") }
    }

    /// The other forms hold the same columns, and one line for the one measurement.
    @Test func forms() throws {
      let names = ["tokens", "gflops", "peak_gflops", "fraction_of_peak"]
      func text(_ form: String) throws -> String {
        let run = try runRingflash([
          "bench", "attention", "--tokens", "256", "--repetitions", "1", "--format", form,
        ])
        expectSuccess(run, form)
        return run.text
      }
      let line = try text("jsonl")
      #expect(line.count { $0 == "\n" } == 1)
      let row = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? Row)
      for name in names { _ = try number(name, row) }

      let csv = try text("csv").split(separator: "\n").map { $0.split(separator: ",") }
      #expect(csv.count == 2 && csv[0].count == csv[1].count)
      for name in names + ["gflops_stddev"] { #expect(csv[0].contains { $0 == name }) }

      let markdown = try text("md").split(separator: "\n")
      #expect(markdown.count == 3 && Set(markdown.map { $0.count { $0 == "|" } }).count == 1)
      for name in names { #expect(markdown[0].contains(" \(name) ")) }
      #expect(markdown[2].contains(" ± ") && !markdown[0].contains("stddev"))
    }

    /// More ranks than blocks of rows, and rows that are no whole block.
    @Test(arguments: [(nil, "fp32"), (2, "bf16")] as [(Int?, String)])
    func linear(ranks: Int?, precision: String) throws {
      let lines = try rows(
        [
          "linear", "--rows", "200", "--inputs", "1000", "--outputs", "1040", "--precision",
          precision,
        ], ranks: ranks)
      #expect(lines.map { $0["test"] as? String } == ["matrix-matrix", "matrix-vector"])
      try checkRate("gflops", not: "gb_per_second", lines[0])
      try checkRate("gb_per_second", not: "gflops", lines[1])
      #expect(lines.map { $0["rows"] as? Int } == [200, 1])
      #expect(lines.allSatisfy { $0["inputs"] as? Int == 1000 && $0["outputs"] as? Int == 1040 })
      #expect(try #require(lines[0]["matrices"] as? Int) > 1)
      if precision == "fp32" { #expect(lines[0]["peak"] as? String == "multiply-add") }
    }

    @Test func ring() throws {
      let lines = try rows(["ring", "--bytes", "1000,70000", "--tokens", "1100"], ranks: 2)
      #expect(
        lines.map { $0["test"] as? String } == [
          "latency", "one direction", "one direction", "both directions", "both directions",
          "hidden",
        ])
      #expect(lines.dropLast().map { $0["bytes"] as? Int } == [8, 1000, 70000, 1000, 70000])
      #expect(Set(lines.map { $0["peak_gb_per_second"] as? Double }).count == 1)
      for line in lines {
        for name in ["microseconds_per_hop", "gb_per_second", "peak_gb_per_second"] {
          #expect(try number(name, line) > 0)
        }
        #expect(
          abs(
            try number("fraction_of_peak", line)
              - number("gb_per_second", line) / number("peak_gb_per_second", line)) < 1e-9)
      }
      let hidden = try #require(lines.last)
      // Whole blocks of 256 tokens: keys and values of 2 heads of 128, 2 bytes each.
      let blockBytes = 256 * 2 * 2 * 128 * 2
      #expect(try #require(hidden["bytes"] as? Int).isMultiple(of: blockBytes))
      #expect(hidden["tokens"] as? Int == 1100)
      let (exposed, alone) = (
        try number("exposed_seconds", hidden), try number("exchange_seconds", hidden)
      )
      #expect(try number("attention_seconds", hidden) > 0 && exposed >= 0 && alone > 0)
      #expect(abs(try number("hidden", hidden) - (1 - exposed / alone)) < 1e-9)
    }

    /// One block, which no other rank sees: there is no message to be hidden.
    @Test func ringWithoutMessages() throws {
      let run = try runRingflash(
        ["bench", "ring", "--bytes", "1", "--tokens", "9", "--format", "jsonl"], ranks: 3)
      expectSuccess(run, "9 tokens on 3 ranks")
      let line = try #require(run.text.split(separator: "\n").last)
      let row = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? Row)
      #expect(row["test"] as? String == "hidden" && row["bytes"] as? Int == 0)
      for name in ["gb_per_second", "fraction_of_peak", "exchange_seconds", "hidden"] {
        #expect(row[name] is NSNull, "\(name) in \(row)")
      }
    }

    /// Longer than the model was made for, and without any weights.
    @Test(arguments: [nil, 2])
    func model(ranks: Int?) throws {
      try withTemporaryDirectory { directory in
        let path = directory + "/model"
        try writeRandomModel(to: path) { $0["max_position_embeddings"] = 64 }
        try FileManager.default.removeItem(atPath: path + "/model.safetensors")
        let lines = try rows(
          [
            "model", "--model", path, "--prefill", "300,513", "--generate", "3", "--depth", "1,300",
          ],
          ranks: ranks)
        #expect(
          lines.map { $0["test"] as? String } == ["pp300", "pp513", "tg3 @ d1", "tg3 @ d300"])
        for (index, line) in lines.enumerated() {
          #expect(line["model"] as? String == path && line["partition"] as? String == "zigzag")
          let parameters = try #require(line["parameters"] as? Int)
          #expect(try #require(line["weight_bytes"] as? Int) >= 2 * parameters)
          #expect(try number("tokens_per_second", line) > 0)
          #expect(try number("exposed_exchange", line) >= 0)
          let kinds = ["gflops", "gb_per_second"]
          try checkRate(kinds[index / 2], not: kinds[1 - index / 2], line)
        }
      }
    }

    @Test func builtInModel() throws {
      let lines = try rows(
        ["model", "--prefill", "0", "--generate", "1", "--depth", "1"], ranks: nil)
      #expect(lines.count == 1 && lines.first?["model"] as? String == BenchmarkModel.builtInName)
      #expect(lines.first?["parameters"] as? Int == 94_389_248)
    }

    /// One message and no table, before anything is measured.
    @Test func failures() throws {
      try withTemporaryDirectory { directory in
        let broken = directory + "/broken"
        try FileManager.default.createDirectory(atPath: broken, withIntermediateDirectories: true)
        try Data("{\"model_type\": \"llama\", \"hidden_size\": -1}".utf8).write(
          to: URL(fileURLWithPath: broken + "/config.json"))
        let cases: [([String], ranks: Int?, Int32, String)] = [
          (["ring"], nil, 64, "mpirun -np 2 ringflash bench ring"),
          (["model", "--model", directory + "/none"], 2, 66, "none"),
          (["model", "--model", directory], nil, 66, "config.json"),
          (["model", "--model", broken], 2, 65, "config.json"),
          (["model", "--prefill", "2147483647"], nil, 69, "GB"),
          (["model", "--prefill", "0", "--depth", "2147483647"], nil, 69, "GB"),
          (["linear", "--rows", "2147483647", "--inputs", "1048576"], nil, 69, "GB"),
          (
            ["attention", "--tokens", "2147483647", "--query-heads", "1024", "--kv-heads", "1024"],
            2, 69, "GB"
          ),
          (["ring", "--tokens", "2147483647", "--query-heads", "1024"], 2, 69, "GB"),
        ]
        for (arguments, ranks, exitCode, word) in cases {
          let run = try runRingflash(["bench"] + arguments, ranks: ranks)
          #expect(run.exitCode == exitCode && run.output.isEmpty, "\(arguments): \(run.error)")
          #expect(run.messages.count == 1 && run.error.contains(word), "\(run.error)")
        }
      }
    }
  }
}
