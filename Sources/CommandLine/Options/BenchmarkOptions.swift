import ArgumentParser
import Kernels
import Ranks
import Reporting

/// What all benchmarks can be told.
package struct BenchmarkOptions: ParsableArguments, Sendable {
  @Option(
    parsing: .unconditional,
    help: .init("Type of K, V and matrix inputs: bf16 or fp32. (default: bf16)", valueName: "type"),
    transform: OptionValue.choice(Precision.self))
  package var precision: Precision = .bf16

  @Option(
    parsing: .unconditional,
    help: .init(
      "How quantized weights are multiplied: int8 or unpacked; as in generate.",
      valueName: "type"),
    transform: OptionValue.choice(QuantizedProducts.self))
  package var weightsAs: QuantizedProducts?

  @Option(
    parsing: .unconditional,
    help: .init(
      "Type of the keys and values that are kept: bf16, fp32 or q8; as in generate.",
      valueName: "type"),
    transform: OptionValue.choice(KeyValueFormat.self))
  package var kvCache: KeyValueFormat?

  @Option(
    parsing: .unconditional,
    help: .init(
      "Threads of each rank, 1 to 1024. (default: its share of the host's cores)", valueName: "n"),
    transform: OptionValue.integer(1...1024))
  package var threads: Int?

  @Option(
    parsing: .unconditional,
    help: .init(
      "Measured repetitions; one more, before them, warms up. (default: 5)", valueName: "n"),
    transform: OptionValue.integer(1...1_000_000))
  package var repetitions: Int = 5

  @Option(
    parsing: .unconditional,
    help: .init("Form of the table: md, csv, json or jsonl. (default: md)", valueName: "form"),
    transform: OptionValue.choice(TableFormat.self))
  package var format: TableFormat = .markdown

  package init() {}

  /// - Throws: 64 where the options contradict each other.
  func numerics() throws(Failure) -> Numerics {
    try Numerics(precision: precision, weightsAs: weightsAs, keyValueCache: kvCache)
  }
}
