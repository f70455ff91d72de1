import ArgumentParser

/// `ringflash bench`: a name for the benchmarks below it.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure speed against the peak measured in the same run.",
    discussion: """
      Examples:
        ringflash bench attention --tokens 16384
        mpirun -np 8 ringflash bench attention --tokens 131072 --format json
      """,
    subcommands: [BenchAttentionCommand.self])

  func run() throws {
    let names = Self.configuration.subcommands.map { $0._commandName }.joined(separator: ", ")
    throw ValidationError("name what to measure, one of \(names)")
  }
}
