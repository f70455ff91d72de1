import ArgumentParser
import Logging

/// What a run over a context says, and where. As in `GenerateOptions`, nil is what was not given.
package struct OutputOptions: ParsableArguments, Sendable {
  @Flag(
    name: GenerateOption.json.name,
    help: "Write one JSON object to standard output instead of the text.")
  package var json = false

  @Option(
    name: GenerateOption.report.name,
    help: .init("Write the run record to this file, as JSON.", valueName: "file"),
    transform: OptionValue.path)
  package var report: String?

  @Flag(name: GenerateOption.quiet.name, help: "Show no progress and no summary.")
  package var quiet = false

  @Option(
    name: GenerateOption.logLevel.name, parsing: .unconditional,
    help: .init(
      """
      Least serious messages to log: trace, debug, info, notice, warning, error or critical. \
      (default: warning)
      """, valueName: "level"),
    transform: OptionValue.choice(Logger.Level.self))
  package var logLevel: Logger.Level?

  package init() {}
}
