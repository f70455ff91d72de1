import Kernels
import MPI
import Ranks
import Reporting

/// What every benchmark begins with, how it takes the time, and what stands in each of its lines.
struct BenchmarkRun {
  let job: Job
  let options: BenchmarkOptions
  let resources: HostResources
  let arithmetic: Arithmetic
  var communicator: Communicator { job.communicator }

  /// - Throws: `AgreedFailure`, `MPIError`.
  init(_ options: BenchmarkOptions, _ job: Job) throws {
    self.job = job
    self.options = options
    resources = try HostResources(job.host)
    arithmetic = try job.arithmetic(
      try job.onRoot { try options.numerics() }, threads: options.threads, resources)
  }

  /// The results of the measured repetitions, numbered from 1; that of number 0, which warms up, does
  /// not count. `peaks` are measured around each of the others.
  func repeated<Result>(
    against peaks: JobPeaks? = nil, _ body: (_ repetition: Int) throws -> Result
  ) throws -> [Result] {
    _ = try body(0)
    peaks?.clear()
    try peaks?.measure()
    return try (1...options.repetitions).map { repetition in
      let result = try body(repetition)
      try peaks?.measure()
      return result
    }
  }

  /// The seconds from a barrier to the next, by the rank whose clock ran the longest: where ranks share
  /// a core, one may wake from the first barrier when another has done its part already.
  func timed<Result>(_ body: () throws -> Result) throws -> (result: Result, seconds: Double) {
    try communicator.barrier()
    let start = ContinuousClock.now
    let result = try body()
    try communicator.barrier()
    let seconds = (ContinuousClock.now - start).seconds
    return (result, try communicator.allReduce(value: seconds, .maximum))
  }

  /// How the line was computed.
  var cells: [Table.Cell] {
    [
      .text("precision", arithmetic.numerics.name),
      .text("instruction_set", arithmetic.instructionSet.rawValue),
      .integer("ranks", communicator.size), .integer("threads", arithmetic.team.threads),
    ]
  }

  /// Writes the table, on rank 0.
  ///
  /// - Throws: `AgreedFailure`, `MPIError`.
  func write(_ lines: [[Table.Cell]]) throws {
    try job.runOnRoot {
      try StandardOutput.write(Table(rows: lines).rendered(as: options.format))
    }
  }
}
