import ArgumentParser

/// `ringflash export`: the built-in model as a model directory.
package struct ExportCommand: Subcommand, Sendable {
  package static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write the built-in model as a model directory in Hugging Face layout.",
    discussion: """
      Examples:
        ringflash export --output needle-model
        mpirun -np 8 ringflash --model ./needle-model --context haystack.txt
      """)

  @Option(help: .init("The directory to write.", valueName: "dir"), transform: OptionValue.path)
  package var output: String

  package init() {}

  var parsed: ParsedCommand { .export(self) }
}
