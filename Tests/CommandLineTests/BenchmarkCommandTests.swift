import CommandLine
import Testing

/// What the benchmarks are told, and what they do where they are told nothing.
@Suite struct BenchmarkCommandTests {
  private func parsed(_ arguments: [String]) throws -> ParsedCommand {
    try CommandLineParser.parse(["bench"] + arguments).get()
  }

  @Test func attentionByDefault() throws {
    guard case .benchAttention(let bench) = try parsed(["attention"]) else {
      return #expect(Bool(false), "not bench attention")
    }
    #expect(bench.tokens == 16384 && bench.window == 0)
    #expect(bench.heads.queryHeads == 8 && bench.heads.kvHeads == 2 && bench.heads.headDim == 128)
    #expect(bench.common.precision == .bf16 && bench.common.threads == nil)
    #expect(bench.common.repetitions == 5 && bench.common.format == .markdown)
  }

  @Test func linear() throws {
    guard case .benchLinear(let defaults) = try parsed(["linear"]),
      case .benchLinear(let given) = try parsed([
        "linear", "--rows", "7", "--inputs", "32", "--outputs", "48", "--precision", "fp32",
        "--threads", "3", "--repetitions", "2", "--format", "csv",
      ])
    else { return #expect(Bool(false), "not bench linear") }
    #expect(defaults.rows == 2048 && defaults.inputs == 4096 && defaults.outputs == 4096)
    #expect(given.rows == 7 && given.inputs == 32 && given.outputs == 48)
    #expect(given.common.precision == .fp32 && given.common.threads == 3)
    #expect(given.common.repetitions == 2 && given.common.format == .csv)
  }

  @Test func ring() throws {
    guard case .benchRing(let defaults) = try parsed(["ring"]),
      case .benchRing(let given) = try parsed([
        "ring", "--bytes", "8,2147483647", "--tokens", "512", "--query-heads", "4", "--kv-heads",
        "4", "--head-dim", "64",
      ])
    else { return #expect(Bool(false), "not bench ring") }
    #expect(defaults.bytes == [1024, 65536, 1_048_576, 16_777_216] && defaults.tokens == 32768)
    #expect(given.bytes == [8, 2_147_483_647] && given.tokens == 512)
    #expect(given.heads.queryHeads == 4 && given.heads.kvHeads == 4 && given.heads.headDim == 64)
  }

  @Test func model() throws {
    guard case .benchModel(let defaults) = try parsed(["model"]),
      case .benchModel(let given) = try parsed([
        "model", "--model", "dir", "--prefill", "0", "--generate", "8", "--depth", "1,1000",
        "--partition", "striped",
      ])
    else { return #expect(Bool(false), "not bench model") }
    #expect(defaults.model == nil && defaults.prefill == [16384] && defaults.generate == 64)
    #expect(defaults.depth == [16384] && defaults.partition == .zigzag)
    #expect(given.model == "dir" && given.prefill == [0] && given.generate == 8)
    #expect(given.depth == [1, 1000] && given.partition == .striped)
  }
}
