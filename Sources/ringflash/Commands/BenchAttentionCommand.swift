import ArgumentParser
import Kernels
import Reporting

/// `ringflash bench attention`: the speed of causal ring attention on random queries, keys and
/// values.
package struct BenchAttentionCommand: Subcommand, Sendable {
  package static let configuration = CommandConfiguration(
    commandName: "attention",
    abstract: "Measure causal attention over one sequence.",
    discussion: """
      Every line gives at least gflops, peak_gflops and fraction_of_peak.

      Examples:
        ringflash bench attention --tokens 16384
        mpirun -np 8 ringflash bench attention --tokens 131072 --format json
        mpirun -np 2 ringflash bench attention --window 4096 --precision fp32
      """)

  @Option(
    parsing: .unconditional,
    help: .init("Length of the sequence. (default: 16384)", valueName: "n"),
    transform: OptionValue.integer(1...Int(Int32.max)))
  package var tokens: Int = 16384

  @Option(
    parsing: .unconditional, help: .init("Query heads. (default: 8)", valueName: "h"),
    transform: OptionValue.integer(1...1024))
  package var queryHeads: Int = 8

  @Option(
    parsing: .unconditional,
    help: .init(
      "Heads of keys and values; a divisor of the query heads. (default: 2)", valueName: "g"),
    transform: OptionValue.integer(1...1024))
  package var kvHeads: Int = 2

  @Option(
    parsing: .unconditional, help: .init("Dimension of a head. (default: 128)", valueName: "d"),
    transform: OptionValue.integer(1...1024))
  package var headDim: Int = 128

  @Option(
    parsing: .unconditional,
    help: .init(
      "Tokens of a sliding window; 0 is the whole sequence. (default: 0)", valueName: "w"),
    transform: OptionValue.integer(0...Int(Int32.max)))
  package var window: Int = 0

  @Option(
    parsing: .unconditional,
    help: .init("Type of K, V and matrix inputs: bf16 or fp32. (default: bf16)", valueName: "type"),
    transform: OptionValue.choice(Precision.self))
  package var precision: Precision = .bf16

  @Option(
    parsing: .unconditional,
    help: .init(
      "Threads of each rank, 1 to 1024. (default: its share of the host's cores)", valueName: "n"),
    transform: OptionValue.integer(1...1024))
  package var threads: Int?

  @Option(
    parsing: .unconditional, help: .init("Measured repetitions. (default: 5)", valueName: "n"),
    transform: OptionValue.integer(1...1_000_000))
  package var repetitions: Int = 5

  @Option(
    parsing: .unconditional,
    help: .init("Form of the table: md, csv, json or jsonl. (default: md)", valueName: "form"),
    transform: OptionValue.choice(TableFormat.self))
  package var format: TableFormat = .markdown

  package init() {}

  var parsed: ParsedCommand { .benchAttention(self) }

  package func validate() throws {
    guard queryHeads.isMultiple(of: kvHeads) else {
      throw ValidationError(
        "--query-heads \(queryHeads) is not a multiple of --kv-heads \(kvHeads), so heads cannot be grouped"
      )
    }
    guard headDim.isMultiple(of: 16) else {
      throw ValidationError("--head-dim \(headDim) is not a multiple of 16")
    }
  }
}
