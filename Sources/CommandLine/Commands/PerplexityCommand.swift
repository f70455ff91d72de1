import ArgumentParser
import Ranks

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

  @OptionGroup package var input: InputOptions

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

  @OptionGroup package var model: ModelOptions
  @OptionGroup package var computing: ComputingOptions
  @OptionGroup package var output: OutputOptions

  package init() {}

  var parsed: ParsedCommand { .perplexity(self) }

  package func validate() throws {
    if input.context == nil && input.tokenIds == nil {
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
    options.inputOptions = input
    options.modelOptions = model
    options.computingOptions = computing
    options.outputOptions = output
    return options
  }

  /// - Throws: as `GenerateSettings.resolve`.
  package func settings() throws -> GenerateSettings {
    try .resolve(generateOptions(), reading: against.map { ($0, "the reference logits") })
  }
}
