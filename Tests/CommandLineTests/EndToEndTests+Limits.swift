import CommandLine
import Foundation
import MPI
import TestSupport
import Testing

extension EndToEndTests {
  /// Little memory, little stack, inputs without an end, and an MPI that does not start: every job ends,
  /// and says why.
  @Suite(.serialized) struct Limits {
    /// Calls `body` with a directory that has the file `text` with a context of 600 bytes.
    private func withContext(_ body: (_ directory: String, _ context: String) throws -> Void) throws
    {
      try withTemporaryDirectory { directory in
        let path = directory + "/text"
        let haystack = try Haystack.make(tokens: 600, needles: 1, seed: 1)
        try Data(haystack.text).write(to: URL(fileURLWithPath: path))
        try body(directory, path)
      }
    }

    /// What the system refuses in the middle of the work.
    @Test func limitedAddressSpace() throws {
      try withContext { _, context in
        let script = "ulimit -v 4000000; exec '\(programPath)' --context '\(context)' --quiet"
        for launcher in ["", "mpirun -np 3 "] {
          let run = try runProgram(
            [
              "bash", "-c",
              "\(launcher)bash -c \"\(script) --threads 1000\"",
            ])
          #expect(run.exitCode == 69 && run.output.isEmpty, "\(run.error)")
          #expect((1...3).contains(run.messages.count), "\(run.error)")
          #expect(run.error.contains("ulimit -v"), "\(run.error)")
        }
      }
    }

    /// Too little for MPI, for the thread that reads the context, or for what comes later; how much that
    /// is depends on the system's libraries. The job ends in any case.
    @Test(arguments: Array(stride(from: 60, through: 580, by: 40)))
    func limitedAddressSpaceEndsTheJob(megabytes: Int) throws {
      try withContext { _, context in
        let limit = "ulimit -v \(megabytes * 1000)"
        let run = try runProgram(
          ["bash", "-c", "\(limit); exec '\(programPath)' --context '\(context)' --threads 2"],
          environment: ["SWIFT_BACKTRACE": "enable=no"], limitSeconds: 60)
        // Without room for its libraries, the program does not start.
        #expect([0, 69, 127].contains(run.exitCode), "\(run.exitCode), \(run.error)")
        guard run.exitCode == 69 else { return }
        #expect(run.messages.count == 1 && run.output.isEmpty, "\(run.error)")
        #expect(run.error.contains("ulimit -") || run.error.contains("-v"), "\(run.error)")
      }
    }

    /// A stack that is too small for any of it, which a thread gets around; MPI's daemon has mpirun's.
    @Test func littleStack() throws {
      try withContext { directory, context in
        let model = directory + "/model"
        expectSuccess(try runRingflash(["export", model]), "export")
        try Data("{% for m in messages %}{{ m.content }}{% endfor %}".utf8)
          .write(to: URL(fileURLWithPath: model + "/chat_template.jinja"))
        let command = "'\(programPath)' --model '\(model)' --context '\(context)' --chat --quiet"
        let usual = try runProgram(["bash", "-c", command])
        expectSuccess(usual, "usual")
        for limit in ["-s 64", "-Ss 64"] {
          let run = try runProgram(
            ["mpirun", "-np", "1", "bash", "-c", "ulimit \(limit); exec \(command)"])
          expectSuccess(run, limit)
          #expect(run.output == usual.output)
        }
      }
    }

    /// Devices that never end, in place of whatever is read.
    @Test func endlessInputs() throws {
      try withContext { directory, context in
        func expectRefusal(_ exitCode: Int32, _ arguments: [String], _ words: String...) throws {
          let command = ([programPath] + arguments).map { "'\($0)'" }.joined(separator: " ")
          // What is read follows from what there is; for the test less is enough.
          let run = try runProgram(["bash", "-c", "ulimit -v 2000000; exec \(command)"])
          #expect(run.exitCode == exitCode && run.output.isEmpty, "\(arguments): \(run.error)")
          #expect(run.messages.count == 1, "\(arguments): \(run.error)")
          for word in words { #expect(run.error.contains(word), "\(arguments): \(run.error)") }
        }
        let asked = ["--context", context]
        try expectRefusal(69, ["--context", "/dev/zero"], "'/dev/zero'", "ulimit -v")
        try expectRefusal(69, ["--token-ids", "/dev/full"], "'/dev/full'", "ulimit -v")
        try expectRefusal(69, asked + ["--prompt-file", "/dev/zero"], "'/dev/zero'", "ulimit -v")
        try expectRefusal(69, asked + ["--config", "/dev/full"], "'/dev/full'")
        try expectRefusal(65, asked + ["--prompts", "/dev/zero"], "/dev/zero:1:")

        let model = directory + "/model"
        expectSuccess(try runRingflash(["export", model]), "export")
        try Data("x".utf8).write(to: URL(fileURLWithPath: model + "/chat_template.jinja"))
        for (name, exitCode) in [
          ("chat_template.jinja", 66), ("tokenizer.json", 66), ("config.json", 66),
          ("model.safetensors", 66),
        ] as [(String, Int32)] {
          let path = "\(model)/\(name)"
          try FileManager.default.moveItem(atPath: path, toPath: path + ".kept")
          try FileManager.default.createSymbolicLink(
            atPath: path, withDestinationPath: "/dev/zero")
          try expectRefusal(exitCode, asked + ["--model", model, "--chat"], path)
          try FileManager.default.removeItem(atPath: path)
          try FileManager.default.moveItem(atPath: path + ".kept", toPath: path)
        }
      }
    }

    /// MPI ends the process itself where it cannot start.
    @Test(.enabled(if: MPIEnvironment.libraryVersion.hasPrefix("Open MPI")))
    func mpiThatDoesNotStart() throws {
      try withContext { _, context in
        for environment in [["OMPI_MCA_pml": "nonexistent"], ["TMPDIR": "/proc"]] {
          let run = try runRingflash(["--context", context], environment: environment)
          #expect(run.exitCode == 69 && run.output.isEmpty, "\(run.error)")
          #expect(run.messages.count == 1 && run.error.contains("MPI could not be started on host"))
        }
        // Here mpirun gives its own exit code, and may end the ranks before they have spoken.
        let run = try runRingflash(
          ["--context", context], ranks: 2, environment: ["OMPI_MCA_pml": "nonexistent"])
        #expect(run.exitCode != 0 && run.output.isEmpty, "\(run.error)")
        #expect(run.messages.count <= 2, "\(run.error)")
      }
    }

    /// Weights that the address space has no room for are not broken.
    @Test func weightsThatCannotBeMapped() throws {
      try withTemporaryDirectory { directory in
        let (path, ids) = (directory + "/model", directory + "/ids")
        try writeRandomModel(to: path)
        try Data("[1, 2, 3]".utf8).write(to: URL(fileURLWithPath: ids))
        let weights = path + "/model.safetensors"
        try #require(truncate(weights, 1 << 40) == 0)
        let run = try runProgram([
          "bash", "-c",
          "ulimit -v 8000000; exec '\(programPath)' --model '\(path)' --token-ids '\(ids)'",
        ])
        #expect(run.exitCode == 69 && run.messages.count == 1, "\(run.error)")
        #expect(run.error.contains(weights) && run.error.contains("mapped"), "\(run.error)")
      }
    }
  }
}
