import ArgumentParser

/// `ringflash bench`: a name for the benchmarks below it.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure speed against the peak measured in the same run.",
    discussion: """
      Every line has a mean and its standard deviation over the repetitions, and fraction_of_peak: \
      of what all threads that there are cores for can do together, on all ranks, measured before \
      the work. With md, a mean and its deviation share a column; with csv, json and jsonl, the \
      deviation of NAME is NAME_stddev. A time is that from one barrier of all ranks to the next.

      Examples:
        ringflash bench attention --tokens 16384
        ringflash bench linear --inputs 2048 --outputs 8192
        mpirun -np 2 ringflash bench ring
        mpirun -np 8 ringflash bench model --prefill 16384,131072 --format json
      """,
    subcommands: [
      BenchAttentionCommand.self, BenchLinearCommand.self, BenchRingCommand.self,
      BenchModelCommand.self,
    ])

  func run() throws {
    let names = Self.configuration.subcommands.map { $0._commandName }.joined(separator: ", ")
    throw ValidationError("name what to measure, one of \(names)")
  }
}
