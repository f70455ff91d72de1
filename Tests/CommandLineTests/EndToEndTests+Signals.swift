import Foundation
import TestSupport
import Testing

extension EndToEndTests {
  /// What a signal does to a run that has nothing to save: it ends soon, with one message.
  @Suite(.serialized) struct Signals {
    /// Runs ringflash with these arguments in a folder with a named pipe, `pipe`, and a context, `text`,
    /// sends the signal to a rank or to the launcher, and waits.
    private func run(
      _ arguments: String, ranks: Int? = nil, signal: String, to rank: Int? = nil
    ) throws -> ProgramRun {
      try withTemporaryDirectory { directory in
        // What a shell starts in the background ignores SIGINT otherwise.
        let start =
          "import os, signal, sys; signal.signal(2, signal.SIG_DFL); os.execvp(sys.argv[1], sys.argv[1:])"
        let launcher = ranks.map { "mpirun -np \($0)" } ?? ""
        let target = rank.map { "$(pgrep -P $job -f -- ringflash | sed -n \($0 + 1)p)" } ?? "$job"
        let isStarted =
          ranks.map { "$(pgrep -c -P $job -x ringflash) = \($0)" }
          ?? "$(cat /proc/$job/comm) = ringflash"
        let script = """
          cd '\(directory)' && mkfifo pipe && head -c 3000000 /dev/zero | tr '\\0' a > text || exit 1
          python3 -c '\(start)' \(launcher) '\(programPath)' \(arguments) > output &
          job=$!
          until [ \(isStarted) ]; do sleep 0.02; done; sleep 0.5
          start=$(date +%s%N); kill -\(signal) \(target)
          wait $job; code=$?
          echo $((($(date +%s%N) - start) / 1000000)); exit $code
          """
        return try runProgram(["bash", "-c", script], limitSeconds: 60)
      }
    }

    private func expectEnd(
      _ run: ProgramRun, _ exitCode: Int32, _ words: [String],
      sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      let taken = try #require(Int(run.text.trimmingCharacters(in: .whitespacesAndNewlines)))
      #expect(run.exitCode == exitCode, "\(run.error)", sourceLocation: sourceLocation)
      // What else runs here may hold it up; `launch/test-signals` asks for a second.
      #expect(taken < 10_000, "\(run.error)", sourceLocation: sourceLocation)
      #expect(run.messages.count == 1, "\(run.error)", sourceLocation: sourceLocation)
      #expect(!run.error.contains("Program crashed"), sourceLocation: sourceLocation)
      for word in words {
        #expect(
          run.messages.first?.contains(word) == true, "no '\(word)' in \(run.error)",
          sourceLocation: sourceLocation)
      }
    }

    /// Inputs that nobody writes.
    @Test(
      arguments: [
        "--context pipe", "--config pipe", "--token-ids pipe", "--context text --prompt-file pipe",
        "--context text --prompts pipe", "--context pipe --save saved", "perplexity --context pipe",
      ], ["TERM", "INT", "USR1"])
    func waitingForInput(arguments: String, signal: String) throws {
      try expectEnd(
        try run(arguments, signal: signal), 75, ["interrupted by SIG\(signal)", "again"])
    }

    @Test(arguments: ["TERM", "USR1"], [0, 2])
    func oneOfThreeRanks(signal: String, rank: Int) throws {
      try expectEnd(
        try run("--context text --quiet", ranks: 3, signal: signal, to: rank),
        75, ["interrupted by SIG\(signal) "])
    }

    @Test func perplexity() throws {
      try expectEnd(
        try run("perplexity --context text --quiet", ranks: 3, signal: "TERM", to: 0),
        75, ["interrupted by SIGTERM ", "start the job again"])
    }

    /// `mpirun` passes it on to every rank, and then waits a second.
    @Test func allOfThreeRanks() throws {
      try expectEnd(
        try run("--context pipe", ranks: 3, signal: "USR1"), 75,
        ["interrupted by SIGUSR1 "])
    }

    @Test(arguments: ["SEGV", "ABRT", "QUIT", "BUS", "FPE"])
    func crashFromOutside(signal: String) throws {
      try expectEnd(
        try run("--context text --quiet", signal: signal), 70,
        [" on ", "was ended by SIG\(signal) from "])
    }

    /// A weights file that is cut short while it is mapped.
    @Test(arguments: [nil, 3] as [Int?]) func shrinkingWeights(ranks: Int?) throws {
      try withTemporaryDirectory { directory in
        let launcher = ranks.map { "mpirun -np \($0)" } ?? ""
        let run = try runProgram([
          "bash", "-c",
          """
          cd '\(directory)' && mkfifo pipe && '\(programPath)' export model 2>/dev/null || exit 1
          \(launcher) '\(programPath)' --model model --context pipe > output & job=$!
          sleep 1.5; truncate -s 4096 model/model.safetensors; start=$(date +%s%N)
          echo hello > pipe; wait $job; code=$?
          echo $((($(date +%s%N) - start) / 1000000)); exit $code
          """,
        ])
        try expectEnd(
          run, 74, [" on ", "model/model.safetensors: was cut short"])
      }
    }
  }
}
