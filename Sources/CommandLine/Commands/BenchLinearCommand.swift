import ArgumentParser
import Kernels

/// `ringflash bench linear`: the speed of linear layers, as in a prefill and as in generation.
package struct BenchLinearCommand: Subcommand, Sendable {
  package static let configuration = CommandConfiguration(
    commandName: "linear",
    abstract: "Measure linear layers: matrix-matrix and matrix-vector products.",
    discussion: """
      matrix-matrix: as in a prefill, blocks of 256 rows shared out over the ranks; gflops, against \
      the peak of the multiplication in use. matrix-vector: as in generation, one row, outputs \
      divided over the ranks; gb_per_second of weights, against the bandwidth of reading memory.

      The weights, random and of the precision's type or as --weights says, are as many matrices as are more than twice \
      the last-level cache, used in turn, so they come from memory; a repetition of matrix-vector \
      goes over all of them.

      Examples:
        ringflash bench linear
        ringflash bench linear --weights q4_k --threads 1
        ringflash bench linear --inputs 2048 --outputs 8192 --precision fp32
        mpirun -np 8 ringflash bench linear --rows 16384 --format json
      """)

  @Option(
    parsing: .unconditional,
    help: .init("Rows of inputs, tokens of a context. (default: 2048)", valueName: "n"),
    transform: OptionValue.integer(1...Int(Int32.max)))
  package var rows: Int = 2048

  @Option(
    parsing: .unconditional,
    help: .init("Inputs of the layer. (default: 4096)", valueName: "n"),
    transform: OptionValue.integer(1...1_048_576))
  package var inputs: Int = 4096

  @Option(
    parsing: .unconditional,
    help: .init("Outputs of the layer. (default: 4096)", valueName: "n"),
    transform: OptionValue.integer(1...1_048_576))
  package var outputs: Int = 4096

  @Option(
    parsing: .unconditional,
    help: .init(
      "How the weights are stored: \(WeightFormat.all.map(\.name).joined(separator: ", ")). "
        + "(default: the type of --precision)", valueName: "format"),
    transform: Self.formatName)
  package var weights: String?

  @OptionGroup package var common: BenchmarkOptions

  package init() {}

  var parsed: ParsedCommand { .benchLinear(self) }

  var format: WeightFormat {
    WeightFormat.all.first { $0.name == weights }
      ?? (common.precision == .fp32 ? .float32 : .bfloat16)
  }

  private static func formatName(_ name: String) throws -> String {
    let names = WeightFormat.all.map(\.name)
    guard names.contains(name) else {
      throw ValidationError("expected one of \(names.joined(separator: ", "))")
    }
    return name
  }

  package func validate() throws {
    guard format.precisions.contains(common.precision) else {
      throw ValidationError(
        "--weights \(format) does not go with --precision \(common.precision.rawValue)")
    }
    guard inputs % format.elementsPerBlock == 0 else {
      throw ValidationError(
        "--inputs \(inputs) is no multiple of the \(format.elementsPerBlock) that \(format) stores "
          + "together")
    }
  }
}
