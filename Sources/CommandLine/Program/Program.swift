import CSystemShims
import Files
import Foundation
import MPI
import Ranks
import Reporting

/// From the arguments to the exit code. Every rank runs the same; only rank 0 speaks.
package enum Program {
  /// Those of this process without its name, whatever their bytes are.
  package static var arguments: [String] {
    let all = UnsafeBufferPointer(
      start: Swift.CommandLine.unsafeArgv, count: Int(Swift.CommandLine.argc))
    return all.dropFirst().map {
      String(spelling: UnsafeBufferPointer(start: $0!, count: strlen($0!)))
    }
  }

  package static func run(_ arguments: [String]) -> Int32 {
    // A reader that goes away shows as a failed write, which has a message and an exit code.
    signal(SIGPIPE, SIG_IGN)
    // So does a limit on the size of files.
    signal(SIGXFSZ, SIG_IGN)
    // Where a standard stream is closed, its number would go to the first of MPI's sockets. What is
    // read from this instead is empty, and what is written to it fails.
    for stream in STDIN_FILENO...STDERR_FILENO where fcntl(stream, F_GETFD) < 0 {
      _ = open("/dev/null", O_RDONLY)
    }
    let parsed = CommandLineParser.parse(arguments)
    if let room = AddressSpace.remainingBytes {
      if let failure = tooLittleMemory(room) {
        report(failure)
        return failure.exitCode.rawValue
      }
      rf_share_arena()
    }
    // MPI's own start and end wait for every rank and tell nobody of it.
    alarm(secondsForStart)
    do {
      return try MPIEnvironment.run(onFailedStart: endWithoutMPI) { communicator in
        let job = try Job(communicator, describing: Failure.init, reporting: report)
        job.endOnExhaustion(
          remedy: """
            use more hosts, fewer ranks or threads a host, a shorter context, or raise the limits \
            (ulimit -v, ulimit -u, the control group's)
            """)
        job.endOnSignals()
        do {
          let code = try exitCode(of: parsed, arguments, job)
          try job.finish(exitCode: code)
          return code
        } catch {
          job.abort(error)
        }
      }
    } catch {
      report(Failure(error))
      return ExitCode.internalError.rawValue
    }
  }

  /// What MPI and the smallest of runs have never been enough with.
  private static let leastBytes = 64 << 20

  /// Where so little is left there is none to tell of what fails for lack of it.
  private static func tooLittleMemory(_ room: Int) -> Failure? {
    guard room < leastBytes else { return nil }
    return Failure(
      .unavailable,
      """
      the limits on this process (ulimit -v, ulimit -d) leave it \(decimalSize(room)) of memory, too \
      little to begin with; raise them
      """)
  }

  private static func endWithoutMPI() -> Never {
    // Not MPI's name for it: MPI does not run.
    var name = utsname()
    uname(&name)
    let host = withUnsafeBytes(of: name.nodename) {
      String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    let failure = Failure(
      .unavailable,
      """
      MPI could not be started on host \(host), its own message says why; \
      look at TMPDIR, the network between hosts, the limits on memory (ulimit -s, -u, -v) and the \
      variables OMPI_MCA_…
      """)
    report(failure)
    // The process is ending already.
    _exit(failure.exitCode.rawValue)
  }

  private static func report(_ failure: Failure) {
    StandardError.write(failure.message + "\n")
  }

  /// Until all ranks are there and have compared notes; a signal ends a rank that waits longer, and
  /// thereby the job.
  private static let secondsForStart: UInt32 = 600

  /// Does what was asked for; rank 0 says why it failed where all ranks know that.
  private static func exitCode(
    of parsed: Result<ParsedCommand, EarlyExit>, _ arguments: [String], _ job: Job
  ) throws -> Int32 {
    do {
      try job.checkStart(arguments: arguments, version: Version.string)
      alarm(0)
      try WorkLocation.within(stage: "run") { try execute(parsed, job) }
      return 0
    } catch let agreed as AgreedFailure {
      if job.isRoot { job.tell(agreed.failure) }
      return agreed.failure.exitCode.rawValue
    }
  }

  private static func execute(_ parsed: Result<ParsedCommand, EarlyExit>, _ job: Job) throws {
    switch parsed {
    case .success(.generate(let flags)):
      try job.startWatching(
        timeoutSeconds: flags.stallTimeout ?? GenerateSettings.defaultStallTimeout,
        remedy: """
          look at that host and the network, and start the job again (from a saved context with \
          --resume DIR, or with a longer --stall-timeout where hosts pause)
          """)
      try GenerateJob.run(flags, job)
    case .success(.benchAttention(let command)): try AttentionBenchmark.run(command, job)
    case .success(.benchLinear(let command)): try LinearBenchmark.run(command, job)
    case .success(.benchModel(let command)): try ModelBenchmark.run(command, job)
    case .success(.benchRing(let command)): try RingBenchmark.run(command, job)
    case .success(.info(let command)): try InfoReport.run(command, job)
    case .success(.inspect(let command)):
      try job.runOnRoot { try InspectReport.run(command, jobRanks: job.communicator.size) }
    case .success(.contexts(let command)):
      try job.runOnRoot {
        try ContextsReport.run(command, host: MPIEnvironment.processorName)
      }
    case .success(.plan(let command)): try job.runOnRoot { try PlanReport.run(command) }
    case .success(.haystack(let command)): try job.runOnRoot { try command.execute() }
    case .success(.export(let command)): try job.runOnRoot { try command.execute() }
    case .success(.perplexity(let command)):
      try job.startWatching(
        timeoutSeconds: command.computing.stallTimeout ?? GenerateSettings.defaultStallTimeout,
        remedy: """
          look at that host and the network, and start the job again (with a longer --stall-timeout \
          where hosts pause)
          """)
      try PerplexityJob.run(command, job)
    case .success(.tokenize(let command)):
      // What parses templates needs the stack of the other thread.
      try job.runOnRoot { try job.onAnotherThread { try TokenReport.run(command) } }
    case .failure(.text(let text)): try job.runOnRoot { try StandardOutput.write(text) }
    case .failure(.failure(let failure)): throw AgreedFailure(failure: failure)
    }
  }
}
