import ArgumentParser

/// `ringflash bench attention`: the speed of causal ring attention on random queries, keys and
/// values.
package struct BenchAttentionCommand: Subcommand, Sendable {
  package static let configuration = CommandConfiguration(
    commandName: "attention",
    abstract: "Measure causal attention over one sequence.",
    discussion: """
      The sequence is shared out over the ranks by zigzag. gflops counts what a causal mask (and \
      the window) lets through; its peak is that of the multiplication in use, which 'peak' names; \
      dot_product_gflops is that of the bf16 dot product where the CPU has one.

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

  @OptionGroup package var heads: AttentionShapeOptions

  @Option(
    parsing: .unconditional,
    help: .init(
      "Tokens of a sliding window; 0 is the whole sequence. (default: 0)", valueName: "w"),
    transform: OptionValue.integer(0...Int(Int32.max)))
  package var window: Int = 0

  @OptionGroup package var common: BenchmarkOptions

  package init() {}

  var parsed: ParsedCommand { .benchAttention(self) }
}
