import ArgumentParser
import Reporting

/// `ringflash contexts`: the saved contexts under a folder.
package struct ContextsCommand: Subcommand, Sendable {
  package static let configuration = CommandConfiguration(
    commandName: "contexts",
    abstract: "List the saved contexts under a folder, each below the one that it extends.",
    discussion: """
      A line for each: model, precision, tokens; the bytes that no other folder has ('own', which come \
      free when it is removed) and those that it shares; how far its prefill is; what it extends, and \
      whether that is still there and unchanged; the job that writes to it; when its manifest was last \
      written or touched. Symbolic links are not followed, and folders of other users not entered.

      --prune removes what nothing refers to: saves that were given up before anything of them was \
      whole, what checkpoints that were killed have left, and parts that a finished context needs no \
      more. It never removes a saved context, nor anything where a job writes.

      Examples:
        ringflash contexts saved
        ringflash contexts saved --format json
        ringflash contexts saved --prune
      """)

  @Argument(
    help: .init("The folder; all below it are looked through.", valueName: "dir"),
    transform: OptionValue.path)
  package var folder: String

  @Option(
    parsing: .unconditional,
    help: .init("Form of the table: md, csv, json or jsonl. (default: md)", valueName: "form"),
    transform: OptionValue.choice(TableFormat.self))
  package var format: TableFormat = .markdown

  @Flag(help: "Remove what nothing refers to, and list that instead.")
  package var prune = false

  package init() {}

  var parsed: ParsedCommand { .contexts(self) }
}
