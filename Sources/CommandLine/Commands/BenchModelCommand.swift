import ArgumentParser
import Inference
import RingAttention

/// `ringflash bench model`: prefill and generation of a whole model with random weights.
package struct BenchModelCommand: Subcommand, Sendable {
  package static let configuration = CommandConfiguration(
    commandName: "model",
    abstract: "Measure prefill and generation of a model of any shape, with random weights.",
    discussion: """
      ppN: the prefill of N tokens; gflops counts linear layers and causal attention once (not the \
      head), against the peak of the multiplication in use. tgN @ dD: N tokens one at a time, each \
      with logits, behind a context of D; gb_per_second counts what a token reads (the matrices of \
      all layers and the head, and the sequence's keys and values), each byte once, against the \
      bandwidth of reading memory. The sequence grows by N with each repetition, the one that warms \
      up included. exposed_exchange is the seconds of a repetition that attention waits for other \
      ranks, of the rank that waits most.

      Tokens are random, and weights too, so that config.json is all that a model needs, but those of a \
      GGUF file; its limit on \
      positions does not count.

      Examples:
        ringflash bench model
        ringflash bench model --prefill 16384,32768 --generate 0
        ringflash bench model --prefill 0 --depth 1024,32768 --batch 32
        mpirun -np 8 ringflash bench model --model models/SmolLM3-3B --depth 131072
      """)

  @Option(
    parsing: .unconditional,
    help: .init(
      """
      A model directory in Hugging Face layout, of which config.json is enough, or ORG/NAME of a \
      model in the local Hugging Face cache; \(ModelSource.builtInHelp). \
      (default: \(BenchmarkModel.builtInName), a built-in shape)
      """, valueName: "dir"),
    transform: OptionValue.path)
  package var model: String?

  @Option(
    parsing: .unconditional,
    help: .init("Lengths of contexts to prefill; 0 is none. (default: 16384)", valueName: "n,n"),
    transform: OptionValue.integers(0...Int(Int32.max)))
  package var prefill: [Int] = [16384]

  @Option(
    parsing: .unconditional,
    help: .init("Tokens to generate; 0 is none. (default: 64)", valueName: "n"),
    transform: OptionValue.integer(0...Int(Int32.max)))
  package var generate: Int = 64

  @Option(
    parsing: .unconditional,
    help: .init(
      "Lengths of contexts behind which to generate. (default: 16384)", valueName: "n,n"),
    transform: OptionValue.integers(1...Int(Int32.max)))
  package var depth: [Int] = [16384]

  @Option(
    parsing: .unconditional,
    help: .init(
      "Answers that are generated together behind one context, 1 to 64. (default: 1)",
      valueName: "n"),
    transform: OptionValue.integer(1...64))
  package var batch: Int = 1

  @Option(
    parsing: .unconditional,
    help: .init(
      """
      How the sequence is divided among the ranks: zigzag, contiguous or striped. \
      (default: zigzag)
      """, valueName: "kind"),
    transform: OptionValue.choice(PartitionKind.self))
  package var partition: PartitionKind = .zigzag

  @Option(
    parsing: .unconditional,
    help: .init(
      """
      Whether each host holds only its part of the weights: on, off, or auto, where a host has too \
      little memory for all. (default: auto)
      """, valueName: "when"),
    transform: OptionValue.choice(WeightDividing.self))
  package var divideWeights: WeightDividing = .auto

  @OptionGroup package var common: BenchmarkOptions

  package init() {}

  package func validate() throws {
    guard generate > 0 || prefill.contains(where: { $0 > 0 }) else {
      throw ValidationError(
        "--prefill 0 and --generate 0 leave nothing to measure, give one of them a length")
    }
  }

  var parsed: ParsedCommand { .benchModel(self) }
}
