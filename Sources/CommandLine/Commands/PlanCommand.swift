import ArgumentParser
import Inference
import Kernels
import Ranks
import Reporting

/// `ringflash plan`: how long a context and its answers would take on so many hosts, and why.
package struct PlanCommand: Subcommand, Sendable {
  package static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Predict time and memory of a run on several numbers of hosts, and what bounds them.",
    discussion: """
      A line for each number of hosts: seconds of prefill, with what linear layers and attention take \
      and what of the exchange of keys and values and of weights is waited for; milliseconds a token of \
      a step that gives every answer one; memory a host, by the numbers of 'inspect', and whether it \
      fits; the part of all hosts' time that is work of one host alone; from how many tokens on \
      nobody waits for keys and values, and for weights where they are divided.

      The machine is this one, whose peaks are measured now, or a YAML file; a name stands for \
      configs/machines/NAME.yaml under the working directory or a folder above the program.

      Nothing is run, so the cluster and its machines need not be there.

      Examples:
        ringflash plan --model models/Llama-3.1-70B --tokens 100000 --hosts 8
        ringflash plan --tokens 10000000 --hosts 1024 --machine genoa --ranks 8
        ringflash plan --tokens 131072 --hosts 2,6 --link 25 --latency 10
        ringflash plan --tokens 131072 --format json --plot plan.svg
      """)

  @Option(
    parsing: .unconditional,
    help: .init(
      """
      A model directory in Hugging Face layout, of which config.json is enough, a GGUF file, or \
      ORG/NAME of a model in the local Hugging Face cache; \(ModelSource.builtInHelp). \
      (default: \(ModelSource.standardName))
      """, valueName: "model"),
    transform: OptionValue.path)
  package var model: String = ModelSource.standardName

  @Option(
    parsing: .unconditional, help: .init("Tokens of the context.", valueName: "n"),
    transform: OptionValue.integer(1...Int(Int32.max)))
  package var tokens: Int

  @Option(
    parsing: .unconditional,
    help: .init(
      """
      Numbers of hosts, 1 to 4096; a single one stands for 1, 2, 4 and so on up to it. (default: 16)
      """, valueName: "h,h"),
    transform: OptionValue.integers(1...4096))
  package var hosts: [Int] = [16]

  @Option(
    parsing: .unconditional,
    help: .init("Ranks on each host, 1 to 1024. (default: 1)", valueName: "p"),
    transform: OptionValue.integer(1...1024))
  package var ranks: Int = 1

  @Option(
    parsing: .unconditional,
    help: .init(
      "Answers that are generated together, 1 to 64. (default: 1)", valueName: "k"),
    transform: OptionValue.integer(1...64))
  package var answers: Int = 1

  @Option(
    parsing: .unconditional,
    help: .init(
      "Tokens of prompt and answer, for which there is to be memory. (default: 128)",
      valueName: "n"),
    transform: OptionValue.integer(0...Int(Int32.max)))
  package var maxTokens: Int = 128

  @Option(
    parsing: .unconditional,
    help: .init(
      "A YAML file of a machine, or the name of one in configs/machines. (default: this machine)",
      valueName: "machine"),
    transform: OptionValue.path)
  package var machine: String?

  @Option(
    parsing: .unconditional,
    help: .init(
      "Gbit/s of a host's link, each way. (default: the machine's, or 10)", valueName: "gbit"),
    transform: OptionValue.number(0, included: false))
  package var link: Double?

  @Option(
    parsing: .unconditional,
    help: .init(
      "Latency between hosts, in microseconds. (default: the machine's, or 30)", valueName: "us"),
    transform: OptionValue.number(0, included: true))
  package var latency: Double?

  @Option(
    parsing: .unconditional,
    help: .init(
      """
      Whether each host has only its part of the weights: on, off, or auto, where not all fit. \
      (default: auto)
      """, valueName: "choice"),
    transform: OptionValue.choice(WeightDividing.self))
  package var divideWeights: WeightDividing = .auto

  @OptionGroup package var types: NumericsOptions

  @Option(
    parsing: .unconditional,
    help: .init(
      "Form of the table: md, with sentences below, csv, json or jsonl. (default: md)",
      valueName: "form"),
    transform: OptionValue.choice(TableFormat.self))
  package var format: TableFormat = .markdown

  @Option(
    parsing: .unconditional,
    help: .init(
      "Also draw it, with gnuplot, to a file whose name ends in .svg or .png.", valueName: "file"),
    transform: OptionValue.path)
  package var plot: String?

  package init() {}

  /// The numbers of hosts to plan for, ascending.
  package var series: [Int] {
    guard hosts.count == 1, let most = hosts.first else { return Set(hosts).sorted() }
    let powers = (0..<Int.bitWidth - 1).lazy.map { 1 << $0 }.prefix { $0 < most }
    return powers + [most]
  }

  package func validate() throws {
    do { _ = try types.numerics() } catch { throw ValidationError(error.sentence) }
    if let most = hosts.max(), most * ranks > Self.mostRanks {
      throw ValidationError(
        "\(most) hosts of \(ranks) ranks are \(most * ranks) ranks, more than the \(Self.mostRanks) "
          + "that can be planned; give fewer --ranks or --hosts")
    }
    if let plot, PlanPlot.terminal(ofFile: plot) == nil {
      throw ValidationError("--plot draws to a file that ends in .svg or .png, not '\(plot)'")
    }
  }

  private static let mostRanks = 1 << 14

  var parsed: ParsedCommand { .plan(self) }
}
