import ArgumentParser

/// `ringflash info`: what the job has to work with.
package struct InfoCommand: Subcommand, Sendable {
  package static let configuration = CommandConfiguration(
    commandName: "info",
    abstract: "Show the ranks, hosts, cores and instruction sets of this job.",
    discussion: """
      Examples:
        ringflash info
        mpirun -np 8 ringflash info --json
      """)

  @Flag(help: "Write one JSON object instead of the text.")
  package var json = false

  package init() {}

  var parsed: ParsedCommand { .info(self) }
}
