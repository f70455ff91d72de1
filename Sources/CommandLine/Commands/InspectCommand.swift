import ArgumentParser
import Inference
import Kernels
import Ranks
import RingAttention

/// `ringflash inspect`: what a model directory holds, and what a run would need; or what a saved
/// context is.
package struct InspectCommand: Subcommand, Sendable {
  package static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: """
      Show a model's architecture and sizes, and the memory that a run would need; or what a saved \
      context is.
      """,
    discussion: """
      Examples:
        ringflash inspect
        ringflash inspect models/SmolLM3-3B --json
        ringflash inspect saved/book --verify
        ringflash inspect HuggingFaceTB/SmolLM3-3B --tokens 100000 --ranks 8
      """)

  @Argument(
    help: .init(
      """
      A model directory in Hugging Face layout, of which config.json is enough, a GGUF file, or \
      ORG/NAME of a model in the local Hugging Face cache; \(ModelSource.builtInHelp); \
      or the folder of a saved context. \
      (default: \(ModelSource.standardName))
      """,
      valueName: "model"),
    transform: OptionValue.path)
  package var model: String = ModelSource.standardName

  @Option(
    parsing: .unconditional,
    help: .init("Say what a run with a context of so many tokens would need.", valueName: "n"),
    transform: OptionValue.integer(1...Int(Int32.max)))
  package var tokens: Int?

  @Option(
    parsing: .unconditional,
    help: .init(
      "With --tokens: ranks of the run, 1 to 1024. (default: those of this job, or one a host)",
      valueName: "p"),
    transform: OptionValue.integer(1...1024))
  package var ranks: Int?

  @Option(
    parsing: .unconditional,
    help: .init(
      "With --tokens: hosts of the run, each with as much memory as this one, 1 to 1024. (default: 1)",
      valueName: "h"),
    transform: OptionValue.integer(1...1024))
  package var hosts: Int?

  @Option(
    parsing: .unconditional,
    help: .init(
      """
      With --hosts: whether each holds only its part of the weights, on, off, or auto, where a host has \
      too little memory for all. (default: auto)
      """, valueName: "when"),
    transform: OptionValue.choice(WeightDividing.self))
  package var divideWeights: WeightDividing?

  @Option(
    parsing: .unconditional,
    help: .init("Type of K, V and matrix inputs: bf16 or fp32. (default: bf16)", valueName: "type"),
    transform: OptionValue.choice(Precision.self))
  package var precision: Precision = .bf16

  @Option(
    parsing: .unconditional,
    help: .init(
      "Type of the keys and values that are kept: bf16, fp32 or q8. (default: that of --precision)",
      valueName: "type"),
    transform: OptionValue.choice(KeyValueFormat.self))
  package var kvCache: KeyValueFormat?

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
      "With --tokens: tokens of prompt and answer. (default: the model's, or 128)", valueName: "n"),
    transform: OptionValue.integer(0...Int(Int32.max)))
  package var maxTokens: Int?

  @Flag(help: "Take only the model's configuration, with reproducible random weights.")
  package var randomWeights = false

  @Flag(help: "Refuse a model that has configuration keys that ringflash does not know.")
  package var strict = false

  @Flag(help: "Of a saved context, compare all files with their checksums.")
  package var verify = false

  @Flag(help: "Write one JSON object instead of the text.")
  package var json = false

  package init() {}

  /// - Throws: 64 where the options contradict each other.
  func numerics() throws(Failure) -> Numerics {
    try Numerics(precision: precision, weightsAs: nil, keyValueCache: kvCache)
  }

  package func validate() throws {
    do { _ = try numerics() } catch { throw ValidationError(error.sentence) }
    if let hosts, let ranks, ranks < hosts {
      throw ValidationError(
        "--ranks \(ranks) on --hosts \(hosts) leaves a host without a rank, give \(hosts) or more")
    }
    guard tokens == nil else { return }
    for (option, isGiven) in [
      ("ranks", ranks != nil), ("hosts", hosts != nil), ("max-tokens", maxTokens != nil),
      ("divide-weights", divideWeights != nil),
    ]
    where isGiven {
      throw ValidationError("--\(option) is of a run, give its context's --tokens with it")
    }
  }

  var parsed: ParsedCommand { .inspect(self) }
}
