import ArgumentParser

/// `ringflash inspect`: what a model directory holds.
package struct InspectCommand: Subcommand, Sendable {
  package static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show a model's architecture and sizes.",
    discussion: """
      Examples:
        ringflash inspect
        ringflash inspect models/SmolLM3-3B --json
      """)

  @Argument(
    help: .init(
      """
      A model directory in Hugging Face layout; 'needle' is the built-in retrieval model. \
      (default: \(GenerateSettings.builtInModel))
      """,
      valueName: "model"),
    transform: OptionValue.path)
  package var model: String = GenerateSettings.builtInModel

  @Flag(help: "Write one JSON object instead of the text.")
  package var json = false

  package init() {}

  var parsed: ParsedCommand { .inspect(self) }
}
