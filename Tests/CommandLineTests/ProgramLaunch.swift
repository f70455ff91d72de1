import Foundation
import TestSupport
import Testing

/// How a program ended, and what it said.
struct ProgramRun {
  let output: [UInt8]
  let error: String
  /// The exit code; 128 and the signal's number where one ended the program.
  let exitCode: Int32

  var text: String { String(decoding: output, as: UTF8.self) }

  /// The lines of standard error that are the program's own messages, not `mpirun`'s.
  var messages: [Substring] {
    error.split(separator: "\n").filter { $0.hasPrefix("ringflash: error: ") }
  }
}

/// The program that stands beside the test bundle.
let programPath: String = {
  let bundle = URL(fileURLWithPath: Swift.CommandLine.arguments[0]).resolvingSymlinksInPath()
  return bundle.deletingLastPathComponent().appendingPathComponent("ringflash").path
}()

/// Runs `ringflash` with these arguments, under `mpirun` if a number of ranks is given.
func runRingflash(
  _ arguments: [String], ranks: Int? = nil, input: String = "", environment: [String: String] = [:],
  sourceLocation: SourceLocation = #_sourceLocation
) throws -> ProgramRun {
  let launcher = ranks.map { ["mpirun", "-np", "\($0)"] } ?? []
  return try runProgram(
    launcher + [programPath] + arguments, input: input, environment: environment,
    sourceLocation: sourceLocation)
}

/// Runs a command in a process group of its own until it ends, or ends it after `limitSeconds`.
///
/// Its streams are files, so nothing waits for a process that keeps a pipe open. Afterwards no
/// process that it started may be left anywhere: what is left is reported and killed.
func runProgram(
  _ command: [String], input: String = "", environment: [String: String] = [:],
  limitSeconds: Double = 300, sourceLocation: SourceLocation = #_sourceLocation
) throws -> ProgramRun {
  try withTemporaryDirectory { directory in
    let paths = (0...2).map { "\(directory)/\($0)" }
    try Data(input.utf8).write(to: URL(fileURLWithPath: paths[0]))
    let mark = "RINGFLASH_TEST_RUN=\(UUID().uuidString)"
    let process = try spawn(
      command, environment: launchEnvironment(environment).map { "\($0)=\($1)" } + [mark],
      streams: paths)

    var status = poll(process, seconds: limitSeconds)
    if status == nil {
      Issue.record(
        "still running after \(limitSeconds) s: \(command)", sourceLocation: sourceLocation)
      // mpirun ends its ranks when it is asked to end, and leaves them behind when it is killed.
      kill(process, SIGTERM)
      status = poll(process, seconds: 10)
      kill(-process, SIGKILL)
      if status == nil { status = poll(process, seconds: 10) }
    }
    for (left, name) in processesLeft(mark: mark, seconds: 10) {
      Issue.record("left behind: \(name), by \(command)", sourceLocation: sourceLocation)
      kill(left, SIGKILL)
    }
    return ProgramRun(
      output: try Array(Data(contentsOf: URL(fileURLWithPath: paths[1]))),
      error: String(
        decoding: try Data(contentsOf: URL(fileURLWithPath: paths[2])), as: UTF8.self),
      exitCode: status ?? -1)
  }
}

/// This process's environment without what an `mpirun` around it has set, with leave to start more
/// ranks than there are cores, also as root (Open MPI 4 and 5), and with `additions`.
private func launchEnvironment(_ additions: [String: String]) -> [String: String] {
  var environment = ProcessInfo.processInfo.environment.filter { name, _ in
    !["OMPI_", "PMIX_", "PRTE_"].contains { name.hasPrefix($0) }
  }
  environment["OMPI_ALLOW_RUN_AS_ROOT"] = "1"
  environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
  environment["OMPI_MCA_rmaps_base_oversubscribe"] = "1"
  // When one rank has failed, mpirun asks the others to end and kills them a second later; they have
  // ended by themselves.
  environment["OMPI_MCA_odls_base_sigkill_timeout"] = "0"
  // The transport that Open MPI takes on one machine after it has looked for a fabric's, for longer
  // than a small run takes. `launch/test` leaves the choice to it where it starts ranks itself.
  environment["OMPI_MCA_pml"] = "ob1"
  environment["PRTE_MCA_rmaps_default_mapping_policy"] = ":oversubscribe"
  return environment.merging(additions) { $1 }
}

/// Starts a command at the head of a new process group, its standard input, output and error these
/// files.
private func spawn(
  _ command: [String], environment: [String], streams: [String]
) throws -> pid_t {
  var actions = posix_spawn_file_actions_t()
  var attributes = posix_spawnattr_t()
  posix_spawn_file_actions_init(&actions)
  posix_spawnattr_init(&attributes)
  defer {
    posix_spawn_file_actions_destroy(&actions)
    posix_spawnattr_destroy(&attributes)
  }
  for (descriptor, path) in streams.enumerated() {
    let flags = descriptor == 0 ? O_RDONLY : O_WRONLY | O_CREAT | O_APPEND
    posix_spawn_file_actions_addopen(&actions, Int32(descriptor), path, flags, 0o600)
  }
  var defaults = sigset_t()
  sigemptyset(&defaults)
  sigaddset(&defaults, SIGPIPE)
  posix_spawnattr_setsigdefault(&attributes, &defaults)
  // Threads of this process may hold signals back, which a process would inherit.
  var held = sigset_t()
  sigemptyset(&held)
  posix_spawnattr_setsigmask(&attributes, &held)
  posix_spawnattr_setpgroup(&attributes, 0)
  posix_spawnattr_setflags(
    &attributes,
    Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

  let (arguments, variables) = (cStrings(command), cStrings(environment))
  defer { for text in arguments + variables { free(text) } }
  var process: pid_t = 0
  let code = posix_spawnp(&process, command[0], &actions, &attributes, arguments, variables)
  try #require(code == 0, "\(command[0]) cannot be started: \(String(cString: strerror(code)))")
  return process
}

/// Copies that end with nil, as C takes lists of strings.
private func cStrings(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] {
  texts.map { strdup($0) } + [nil]
}

/// The exit code of a child process once it has ended; nil if it has not within `seconds`.
private func poll(_ process: pid_t, seconds: Double) -> Int32? {
  let end = Date(timeIntervalSinceNow: seconds)
  var status: Int32 = 0
  repeat {
    if waitpid(process, &status, WNOHANG) == process {
      let signal = status & 0x7f
      return signal == 0 ? status >> 8 & 0xff : 128 + signal
    }
    usleep(2000)
  } while Date() < end
  return nil
}

/// The processes that have `mark` in their environment and do not end within `seconds`.
private func processesLeft(mark: String, seconds: Double) -> [(process: pid_t, name: String)] {
  let end = Date(timeIntervalSinceNow: seconds)
  while true {
    let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    let left = all.compactMap(pid_t.init).filter { process in
      let environment = FileManager.default.contents(atPath: "/proc/\(process)/environ")
      return environment?.range(of: Data(mark.utf8)) != nil
    }
    if left.isEmpty || Date() >= end {
      return left.map { process in
        let name = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
        return (process, String(decoding: name.map { $0 == 0 ? 0x20 : $0 }, as: UTF8.self))
      }
    }
    usleep(20_000)
  }
}

/// Expects that ringflash ends with an exit code and one message that has these words, alone and on
/// several ranks, and writes nothing else.
func expectFailure(
  _ arguments: [String], _ exitCode: Int32, _ words: [String], ranks: [Int?] = [nil, 2],
  environment: [String: String] = [:], sourceLocation: SourceLocation = #_sourceLocation
) throws {
  for ranks in ranks {
    let run = try runRingflash(arguments, ranks: ranks, environment: environment)
    #expect(run.exitCode == exitCode, "\(run.error)", sourceLocation: sourceLocation)
    #expect(
      run.output.isEmpty && run.messages.count == 1, "\(run.error)", sourceLocation: sourceLocation)
    for word in words {
      #expect(
        run.messages.first?.contains(word) == true, "\(word) in \(run.error)",
        sourceLocation: sourceLocation)
    }
  }
}
