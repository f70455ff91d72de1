import CommandLine
import Foundation
import Kernels
import TestSupport
import Testing

extension EndToEndTests {
  /// Every benchmark, alone and on 2 ranks, with sizes that take moments: what stands in its lines,
  /// not how fast it is.
  @Suite(.serialized) struct Benchmarks {
    /// The lines of a run that prints JSON.
    private func lines(_ arguments: [String], ranks: Int?) throws -> [BenchmarkLine] {
      let run = try runRingflash(
        ["bench"] + arguments + ["--repetitions", "2", "--format", "json"], ranks: ranks)
      expectSuccess(run, "\(arguments)")
      #expect(run.error.isEmpty, "\(arguments): \(run.error)")
      let objects = try #require(
        JSONSerialization.jsonObject(with: Data(run.output)) as? [[String: Any]])
      let lines = objects.map(BenchmarkLine.init)
      for line in lines {
        #expect(line.integer("ranks") == ranks ?? 1)
        #expect(try #require(line.integer("threads")) >= 1)
        #expect(line.integer("repetitions") == 2)
        let sets = InstructionSet.available.map(\.rawValue)
        #expect(try sets.contains(#require(line.text("instruction_set"))))
      }
      return lines
    }

    /// A line is about GFLOP/s, against the peak of the multiplication in use.
    private func expectComputed(_ line: BenchmarkLine, precision: String) throws {
      try line.expectPeak(of: "gflops", not: "gb_per_second", mostOfPeak: 10)
      let dotProduct = line.values["dot_product_gflops"] as? Double
      #expect(dotProduct.map { $0 > 0 } ?? line.isMissing("dot_product_gflops"))
      let usesDotProduct =
        precision == "bf16" && line.text("instruction_set") == "avx512bf16" && dotProduct != nil
      #expect(line.text("peak") == (usesDotProduct ? "dot product" : "multiply-add"))
      if usesDotProduct { #expect(try line.number("peak_gflops") == dotProduct) }
    }

    /// A line is about GB/s, of what may lie in a cache.
    private func expectRead(_ line: BenchmarkLine) throws {
      try line.expectPeak(of: "gb_per_second", not: "gflops", mostOfPeak: 1000)
      #expect(line.text("peak") == "memory read" && line.isMissing("dot_product_gflops"))
    }

    @Test(
      arguments: [(nil, "bf16", nil), (2, "bf16", 300), (nil, "fp32", nil)]
        as [(Int?, String, Int?)])
    func attention(ranks: Int?, precision: String, window: Int?) throws {
      let lines = try lines(
        ["attention", "--tokens", "1024", "--window", "\(window ?? 0)", "--precision", precision],
        ranks: ranks)
      #expect(lines.count == 1)
      let line = try #require(lines.first)
      #expect(line.text("test") == "attention" && line.integer("tokens") == 1024)
      #expect(line.text("precision") == precision)
      try expectComputed(line, precision: precision)
      try line.expectRate(
        "gflops",
        amount: ReferenceAttention.flops(
          positions: 0..<1024,
          shape: AttentionShape(queryHeads: 8, keyValueHeads: 2, headDimension: 128),
          pattern: AttentionPattern(slidingWindow: window)))
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
      let row = try #require(
        JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      for name in names { _ = try BenchmarkLine(row).number(name) }

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
      let lines = try lines(
        [
          "linear", "--rows", "200", "--inputs", "1000", "--outputs", "1040", "--precision",
          precision,
        ], ranks: ranks)
      #expect(lines.map { $0.text("test") } == ["matrix-matrix", "matrix-vector"])
      #expect(lines.map { $0.integer("rows") } == [200, 1])
      #expect(lines.allSatisfy { $0.integer("inputs") == 1000 && $0.integer("outputs") == 1040 })
      let matrices = try #require(lines[0].integer("matrices"))
      #expect(matrices > 1 && lines[1].integer("matrices") == matrices)
      try expectComputed(lines[0], precision: precision)
      try lines[0].expectRate("gflops", amount: 2 * 200 * 1000 * 1040)
      try expectRead(lines[1])
      try lines[1].expectRate(
        "gb_per_second", amount: Double(matrices * 1000 * 1040 * (precision == "bf16" ? 2 : 4)))
    }

    @Test func ring() throws {
      let lines = try lines(["ring", "--bytes", "1000,70000", "--tokens", "1100"], ranks: 2)
      #expect(
        lines.map { $0.text("test") } == [
          "latency", "one direction", "one direction", "both directions", "both directions",
          "hidden",
        ])
      #expect(lines.dropLast().map { $0.integer("bytes") } == [8, 1000, 70000, 1000, 70000])
      #expect(Set(lines.map { $0.values["peak_gb_per_second"] as? Double }).count == 1)
      for line in lines {
        try line.expectPeak(of: "gb_per_second", not: "gflops", mostOfPeak: 100)
        // Both directions are two messages of a rank; of the attended layer, there is one hop.
        let messages = line.text("test") == "both directions" ? 2 : 1
        let bytes = Double(messages * (try #require(line.integer("bytes"))))
        try line.expectRate(
          "gb_per_second", amounts: [bytes, bytes],
          seconds: line.measurements("microseconds_per_hop").map { $0 / 1e6 })
      }
      let hidden = try #require(lines.last)
      // Whole blocks of 256 tokens: keys and values of 2 heads of 128, 2 bytes each. Of 5 blocks, rank
      // 1 has the runs in the middle, one of which has two blocks, and sends all of them.
      #expect(hidden.integer("bytes") == 3 * 256 * 2 * 2 * 128 * 2)
      #expect(hidden.integer("tokens") == 1100)
      #expect(
        try BenchmarkLine.areClose(
          hidden.measurements("exchange_seconds").map { $0 * 1e6 },
          hidden.measurements("microseconds_per_hop")))
      let (exposed, alone) = (
        try hidden.number("exposed_seconds"), try hidden.number("exchange_seconds")
      )
      #expect(try exposed >= 0 && exposed < hidden.number("attention_seconds"))
      #expect(try abs(hidden.number("hidden") - (1 - exposed / alone)) < 1e-9)
    }

    /// One block, which no other rank sees: there is no message to be hidden.
    @Test func ringWithoutMessages() throws {
      let run = try runRingflash(
        ["bench", "ring", "--bytes", "1", "--tokens", "9", "--format", "jsonl"], ranks: 3)
      expectSuccess(run, "9 tokens on 3 ranks")
      let line = try #require(run.text.split(separator: "\n").last)
      let row = try #require(
        JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      #expect(row["test"] as? String == "hidden" && row["bytes"] as? Int == 0)
      for name in ["gb_per_second", "fraction_of_peak", "exchange_seconds", "hidden"] {
        #expect(row[name] is NSNull, "\(name) in \(row)")
      }
    }

    /// Longer than the model was made for, and without any weights; several answers at once are
    /// measured by what is computed for them.
    @Test(arguments: [(nil, 1), (2, 1), (nil, 4)] as [(Int?, Int)])
    func model(ranks: Int?, batch: Int) throws {
      let model = try RandomModel(RandomModel.sampleConfiguration(), seed: 7)
      try withTemporaryDirectory { directory in
        let path = directory + "/model"
        try writeRandomModel(to: path) { $0["max_position_embeddings"] = 64 }
        try FileManager.default.removeItem(atPath: path + "/model.safetensors")
        let lines = try lines(
          [
            "model", "--model", path, "--prefill", "300,513", "--generate", "3", "--depth", "1,300",
            "--batch", "\(batch)",
          ],
          ranks: ranks)
        #expect(
          lines.map { $0.text("test") } == ["pp300", "pp513", "tg3 @ d1", "tg3 @ d300"])
        for (line, (tokens, depth)) in zip(lines, [(300, 0), (513, 0), (3, 1), (3, 300)]) {
          #expect(line.text("model") == path && line.text("partition") == "zigzag")
          #expect(line.integer("parameters") == model.weights.parameters)
          #expect(line.integer("weight_bytes") == model.weights.bytes)
          #expect(line.integer("depth") == depth)
          let isPrefill = depth == 0
          let cost = ModelCost()
          let all = tokens * (isPrefill ? 1 : batch)
          #expect(line.integer("tokens") == all && line.integer("batch") == all / tokens)
          let seconds = try line.measurements("tokens_per_second").map { Double(all) / $0 }
          // The sequence grows with each repetition, also with the one that warms up.
          let ends = [1, 2].map { depth + $0 * tokens }
          switch (isPrefill, batch) {
          case (true, _):
            try expectComputed(line, precision: "bf16")
            let flops = cost.prefillFlops(tokens: tokens)
            try line.expectRate("gflops", amounts: [flops, flops], seconds: seconds)
          case (false, 1):
            try expectRead(line)
            let bytes = ends.map { cost.bytes(of: $0..<$0 + tokens) }
            try line.expectRate("gb_per_second", amounts: bytes, seconds: seconds)
          default:
            try expectComputed(line, precision: "bf16")
            let flops = ends.map {
              Double(batch) * cost.flops(of: $0..<$0 + tokens, withHead: true)
            }
            try line.expectRate("gflops", amounts: flops, seconds: seconds)
          }
          let exposed = try line.measurements("exposed_exchange")
          #expect(exposed[0] > -1e-12 && exposed[1].isFinite, "\(line)")
          // Where ranks share cores, one may wait from before the other's clock begins.
          if (ranks ?? 1) == 1 { #expect(exposed[1] < seconds[0] + seconds[1], "\(line)") }
        }
      }
    }

    /// What tokens of the random model cost, by its numbers: 4 layers, of which two have a window of
    /// 100, 6 query heads on 2 KV heads of 32.
    private struct ModelCost {
      private let elements = 4 * (192 * (192 + 64 + 64) + 192 * 192 + 3 * 352 * 192)
      private let headElements = 300 * 192
      /// Of a layer, but for keys and values.
      private let restElements = 192 * 192 + 192 * 192 + 3 * 352 * 192
      private let patterns = [nil, 100, nil, 100].map(AttentionPattern.init(slidingWindow:))

      private let shape = AttentionShape(queryHeads: 6, keyValueHeads: 2, headDimension: 32)

      /// In the last layer, all but the last token stop at keys and values.
      func prefillFlops(tokens: Int) -> Double {
        flops(of: 0..<tokens, withHead: false)
          - ReferenceAttention.flops(
            positions: 0..<tokens - 1, shape: shape, pattern: patterns.last!)
          - Double(2 * (tokens - 1) * restElements)
      }

      func flops(of positions: Range<Int>, withHead: Bool) -> Double {
        let attention = patterns.reduce(0) {
          $0 + ReferenceAttention.flops(positions: positions, shape: shape, pattern: $1)
        }
        return attention + Double(2 * positions.count * (elements + (withHead ? headElements : 0)))
      }

      /// Weights in bfloat16 for each token, and its keys and values in each layer.
      func bytes(of positions: Range<Int>) -> Double {
        let keys = positions.reduce(0) { sum, position in
          patterns.reduce(sum) { $0 + min($1.slidingWindow ?? .max, position + 1) }
        }
        return Double(2 * positions.count * (elements + headElements) + keys * 2 * 2 * 32 * 2)
      }
    }

    @Test func builtInModel() throws {
      let lines = try lines(
        ["model", "--prefill", "0", "--generate", "1", "--depth", "1"], ranks: nil)
      #expect(lines.count == 1 && lines.first?.text("model") == BenchmarkModel.builtInName)
      #expect(lines.first?.integer("parameters") == 94_389_248)
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
