import ArgumentParser
import Kernels
import Ranks
import Reporting

/// What all benchmarks can be told.
package struct BenchmarkOptions: ParsableArguments, Sendable {
  @OptionGroup package var types: NumericsOptions

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

  package var precision: Precision { types.precision }

  /// - Throws: 64 where the options contradict each other.
  func numerics() throws(Failure) -> Numerics { try types.numerics() }
}
