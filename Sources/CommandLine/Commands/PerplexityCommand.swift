import ArgumentParser
import Kernels
import Logging
import Ranks
import RingAttention

/// `ringflash perplexity`: how well a model predicts a text, alone or beside another one.
package struct PerplexityCommand: Subcommand, Sendable {
  package static let configuration = CommandConfiguration(
    commandName: "perplexity",
    abstract: "Measure how well a model predicts a text of any length.",
    discussion: """
      The text is one context, spread over the ranks as 'generate' does it, and each token of it but \
      the first is predicted from all before it. The figures are on standard output: the mean \
      negative log-likelihood of a token, and e to its power, the perplexity, each with its standard \
      error. They are the same for any number of ranks and threads and any partition.

      With --against, the same text's logits of another model or precision are the reference: how \
      far the model's predictions diverge from it, and how often both find the same token the \
      likeliest.

      Examples:
        mpirun -np 8 ringflash perplexity --context book.txt --model models/Qwen3-4B
        mpirun -np 8 ringflash perplexity --context book.txt --skip 512 --json
        ringflash --context p.txt --max-tokens 0 --logits p.safetensors --logits-all
        ringflash perplexity --context p.txt --against p.safetensors --precision fp32
      """)

  @Option(
    name: GenerateOption.context.name,
    help: .init("The text: UTF-8; - is standard input.", valueName: "file"),
    transform: OptionValue.path)
  package var context: String?

  @Option(
    name: GenerateOption.tokenIds.name,
    help: .init(
      "The text as a JSON array of token ids, in place of --context.", valueName: "file"),
    transform: OptionValue.path)
  package var tokenIds: String?

  @Option(
    help: .init(
      """
      Logits of every position of the same text, as 'generate' writes them with --logits, \
      --logits-all and --max-tokens 0, as the reference.
      """, valueName: "file"),
    transform: OptionValue.path)
  package var against: String?

  @Option(
    parsing: .unconditional,
    help: .init("Leave the first n predictions out. (default: 0)", valueName: "n"),
    transform: OptionValue.integer(0...Int(Int32.max)))
  package var skip: Int = 0

  @Flag(
    name: GenerateOption.ignorePositionLimit.name,
    help: "Let a text through that is longer than the positions the model was made for.")
  package var ignorePositionLimit = false

  @Option(
    name: GenerateOption.model.name,
    help: .init(
      """
      A model directory in Hugging Face layout, or ORG/NAME of a model in the local Hugging Face \
      cache; 'needle' is the built-in retrieval model. (default: \(ModelSource.builtInName))
      """, valueName: "dir"),
    transform: OptionValue.path)
  package var model: String = ModelSource.builtInName

  @Flag(
    name: GenerateOption.randomWeights.name,
    help: "Take only the model's configuration, with reproducible random weights.")
  package var randomWeights = false

  @Flag(
    name: GenerateOption.strict.name,
    help: "Refuse a model whose config.json has keys that ringflash does not know.")
  package var strict = false

  @Option(
    name: GenerateOption.precision.name, parsing: .unconditional,
    help: .init("Type of K, V and matrix inputs: bf16 or fp32. (default: bf16)", valueName: "type"),
    transform: OptionValue.choice(Precision.self))
  package var precision: Precision = .bf16

  @Option(
    name: GenerateOption.threads.name, parsing: .unconditional,
    help: .init(
      "Threads of each rank, 1 to 1024. (default: its share of the host's cores)", valueName: "n"),
    transform: OptionValue.integer(1...1024))
  package var threads: Int?

  @Option(
    name: GenerateOption.partition.name, parsing: .unconditional,
    help: .init(
      """
      How the sequence is divided among the ranks: zigzag, contiguous or striped. \
      (default: zigzag)
      """, valueName: "kind"),
    transform: OptionValue.choice(PartitionKind.self))
  package var partition: PartitionKind = .zigzag

  @Option(
    name: GenerateOption.stallTimeout.name, parsing: .unconditional,
    help: .init(
      """
      End the job when a rank has given no sign of life for so many seconds, 1 to 1000000. \
      (default: \(GenerateSettings.defaultStallTimeout))
      """, valueName: "seconds"),
    transform: OptionValue.integer(1...1_000_000))
  package var stallTimeout: Int = GenerateSettings.defaultStallTimeout

  @Flag(
    name: GenerateOption.json.name,
    help: "Write one JSON object to standard output instead of the text.")
  package var json = false

  @Option(
    name: GenerateOption.report.name,
    help: .init("Write that JSON object to this file.", valueName: "file"),
    transform: OptionValue.path)
  package var report: String?

  @Flag(name: GenerateOption.quiet.name, help: "Show no progress.")
  package var quiet = false

  @Option(
    name: GenerateOption.logLevel.name, parsing: .unconditional,
    help: .init(
      """
      Least serious messages to log: trace, debug, info, notice, warning, error or critical. \
      (default: warning)
      """, valueName: "level"),
    transform: OptionValue.choice(Logger.Level.self))
  package var logLevel: Logger.Level = .warning

  package init() {}

  var parsed: ParsedCommand { .perplexity(self) }

  package func validate() throws {
    if context == nil && tokenIds == nil {
      throw ValidationError("no text, give --context FILE or --token-ids FILE")
    }
    do {
      _ = try GenerateSettings(generateOptions())
    } catch let failure as Failure {
      throw ValidationError(failure.sentence)
    }
  }

  /// What `generate` is told where it prefills the same context.
  private func generateOptions() throws -> GenerateOptions {
    var options = try GenerateOptions.parse([])
    options.context = context
    options.tokenIds = tokenIds
    options.ignorePositionLimit = ignorePositionLimit
    options.model = model
    options.randomWeights = randomWeights
    options.strict = strict
    options.precision = precision
    options.threads = threads
    options.partition = partition
    options.stallTimeout = stallTimeout
    options.json = json
    options.report = report
    options.quiet = quiet
    options.logLevel = logLevel
    return options
  }

  /// - Throws: as `GenerateSettings.resolve`.
  package func settings() throws -> GenerateSettings {
    try .resolve(generateOptions(), reading: against.map { ($0, "the reference logits") })
  }
}
