import CommandLine
import Foundation
import TestSupport
import Testing

extension EndToEndTests {
  /// Every mistake of a user ends every rank with the promised exit code and one line, printed
  /// once, before any work.
  @Suite(.serialized) struct Failures {
    /// Runs alone and on 3 ranks.
    private func expectFailure(
      _ arguments: [String], _ exitCode: Int32, _ words: [String], ranks: [Int?] = [nil, 3],
      environment: [String: String] = [:], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      for ranks in ranks {
        let run = try runRingflash(arguments, ranks: ranks, environment: environment)
        let name = "\(arguments) on \(ranks.map(String.init) ?? "no") ranks: \(run.error)"
        #expect(run.exitCode == exitCode, "\(name)", sourceLocation: sourceLocation)
        #expect(run.output.isEmpty, "\(name)", sourceLocation: sourceLocation)
        #expect(run.messages.count == 1, "\(name)", sourceLocation: sourceLocation)
        for word in words {
          #expect(
            run.messages.first?.contains(word) == true, "no '\(word)' in \(name)",
            sourceLocation: sourceLocation)
        }
        #expect(!run.error.contains("prefill:"), "\(name)", sourceLocation: sourceLocation)
        if ranks == nil {
          let lines = run.error.split(separator: "\n", omittingEmptySubsequences: false)
          #expect(lines.count == 2 && lines[1].isEmpty, "\(name)", sourceLocation: sourceLocation)
        }
      }
    }

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

    static let unreadableTexts: [(name: String, content: [UInt8]?, exitCode: Int32)] = [
      ("missing", nil, 66), ("", nil, 66), ("empty", [], 65),
      ("latin1", Array("gr".utf8) + [0xfc, 0xdf], 65), ("cut", Array("gr".utf8) + [0xc3], 65),
      // A file that is there and cannot be read, not even by root.
      ("/proc/self/mem", nil, 74),
    ]

    @Test(arguments: unreadableTexts, ["--context", "--prompt-file", "--token-ids"])
    func texts(file: (name: String, content: [UInt8]?, exitCode: Int32), option: String) throws {
      try withContext { directory, context in
        let path = file.name.hasPrefix("/") ? file.name : "\(directory)/\(file.name)"
        if let content = file.content {
          try Data(content).write(to: URL(fileURLWithPath: path))
        }
        let whole = option == "--prompt-file" ? ["--context", context] : []
        try expectFailure(whole + [option, path], file.exitCode, ["'\(path)'"])
      }
    }

    @Test func emptyStandardInput() throws {
      try expectFailure(["--context", "-"], 65, ["standard input", "empty"])
    }

    @Test(arguments: [
      ["--threads", "0"], ["--top-p", "2"], ["--unknown"], ["--temperature", "-1"],
      ["--precision", "fp16"], ["--max-tokens", "-1"], ["--logits-all"],
    ])
    func wrongUsage(options: [String]) throws {
      try withContext { _, context in
        try expectFailure(["--context", context] + options, 64, [options[0]])
      }
    }

    /// Two outputs that would overwrite each other.
    @Test func outputsOfOneName() throws {
      try withContext { directory, context in
        let path = directory + "/out"
        try expectFailure(
          ["--context", context, "--report", path, "--trace", path], 64,
          ["--report", "--trace", path])
        try expectFailure(
          ["--context", context, "--trace", path, "--logits", path], 64,
          ["--trace", "--logits", path])
      }
    }

    @Test(arguments: [
      ("max-tokens: 3\nbogus: 1\n", ":2:", "bogus"),
      ("max-tokens: 3\n\nthreads: \"4\"\n", ":3:", "threads"),
      ("threads: 0\n", ":1:", "threads"), ("a: b: c\n", ":1:", "mapping"),
      ("- a\n", ":1:", "option:"),
    ])
    func yaml(content: String, line: String, word: String) throws {
      try withContext { directory, context in
        let path = directory + "/settings.yaml"
        try Data(content.utf8).write(to: URL(fileURLWithPath: path))
        try expectFailure(["--context", context, "--config", path], 65, [path + line, word])
      }
    }

    /// Alone and on ranks by turns: how a mistake reaches all ranks does not depend on what it is.
    @Test(arguments: zip(BrokenModel.all, BrokenModel.all.indices))
    func models(model: BrokenModel, index: Int) throws {
      try withTemporaryDirectory { directory in
        let (path, ids) = (directory + "/model", directory + "/ids")
        try writeRandomModel(to: path)
        try Data("[1, 2, 3]".utf8).write(to: URL(fileURLWithPath: ids))
        try model.breakModel(path)
        try expectFailure(
          ["--model", path, "--token-ids", ids], model.exitCode, [path, model.message],
          ranks: [index % 2 == 0 ? nil : 3])
      }
    }

    /// Text for a model without a tokenizer or with a broken one, ids that the vocabulary does not
    /// have, more positions than the model was made for.
    @Test func inputsThatDoNotSuitTheModel() throws {
      try withContext { directory, context in
        let (path, ids) = (directory + "/model", directory + "/ids")
        try writeRandomModel(to: path) { $0["max_position_embeddings"] = 200 }
        try expectFailure(
          ["--model", path, "--context", context], 66, [path, "tokenizer.json", "--token-ids"])
        let tokenizer = path + "/tokenizer.json"
        try Data("[".utf8).write(to: URL(fileURLWithPath: tokenizer))
        try expectFailure(["--model", path, "--context", context], 65, [tokenizer])

        for id in ["300", "2147483647"] {
          try Data("[1, \(id), 3]".utf8).write(to: URL(fileURLWithPath: ids))
          try expectFailure(["--model", path, "--token-ids", ids], 65, [id, "299"])
        }
        try Data("[258]".utf8).write(to: URL(fileURLWithPath: ids))
        try expectFailure(["--token-ids", ids], 65, ["258", "257"])

        try Data("\(Array(0..<199))".utf8).write(to: URL(fileURLWithPath: ids))
        let arguments = ["--model", path, "--token-ids", ids, "--max-tokens"]
        expectSuccess(try runRingflash(arguments + ["1"], ranks: 3), "200 positions")
        try expectFailure(arguments + ["2"], 65, ["201", "200", "--ignore-position-limit"])
        expectSuccess(
          try runRingflash(arguments + ["2", "--ignore-position-limit"], ranks: 3), "let through")
      }
    }

    /// Room for two thousand million tokens of answer is more than any host has; nothing of it is
    /// taken.
    @Test func memory() throws {
      try withContext { _, context in
        try expectFailure(
          [
            "--context", context, "--max-tokens", "2147483647", "--ignore-position-limit",
            "--precision", "fp32",
          ], 69, ["GB", "available"])
      }
    }

    /// Found before the prefill.
    @Test(arguments: ["--report", "--trace", "--logits"])
    func outputs(option: String) throws {
      try withContext { directory, context in
        for name in ["missing/file", "", "text/file"] {
          let path = "\(directory)/\(name)"
          try expectFailure(["--context", context, option, path], 74, [path])
        }
      }
    }

    /// Rows are written one by one and their number last, which a device does not take.
    @Test func logitsToADevice() throws {
      try withContext { _, context in
        try expectFailure(["--context", context, "--logits", "/dev/null"], 74, ["/dev/null"])
      }
    }

    @Test func instructionSet() throws {
      try withContext { _, context in
        try expectFailure(
          ["--context", context], 69, ["RINGFLASH_ISA", "nonsense", "portable"],
          environment: ["RINGFLASH_ISA": "nonsense"])
      }
    }

    /// Ranks that were not all started alike would wait for each other for ever.
    @Test func ranksStartedDifferently() throws {
      try withContext { _, context in
        let commands = [["--context", context], ["info"], ["--unknown"]]
        for (first, second) in [(0, 1), (1, 0), (0, 2), (2, 0)] {
          let run = try runProgram(
            ["mpirun", "-np", "1", programPath] + commands[first]
              + [":", "-np", "1", programPath] + commands[second])
          #expect(run.exitCode == 69 && run.output.isEmpty, "\(run.error)")
          #expect(run.messages.count == 1 && run.error.contains("rank 1 on "), "\(run.error)")
        }
      }
    }

    /// One version built twice: a copy of the program is the same, one with a byte more is not.
    @Test func ranksOfAnotherBuild() throws {
      try withContext { directory, context in
        let copy = directory + "/ringflash"
        try FileManager.default.copyItem(atPath: programPath, toPath: copy)
        let command = ["--context", context, "--quiet"]
        func run() throws -> ProgramRun {
          try runProgram(
            ["mpirun", "-np", "1", programPath] + command + [":", "-np", "2", copy] + command)
        }
        expectSuccess(try run(), "a copy")
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: copy))
        try file.seekToEnd()
        try file.write(contentsOf: [0])
        try file.close()
        let other = try run()
        #expect(other.exitCode == 69 && other.output.isEmpty, "\(other.error)")
        #expect(other.messages.count == 1 && other.error.contains("rank 1 on "), "\(other.error)")
        #expect(other.error.contains("another build of ringflash"), "\(other.error)")
      }
    }

    /// They give an answer, and it means nothing.
    @Test(arguments: [nil, 2])
    func weightsThatAreNoNumbers(ranks: Int?) throws {
      try withTemporaryDirectory { directory in
        let (path, ids) = (directory + "/model", directory + "/ids")
        try writeRandomModel(to: path)
        try Data("[1, 2, 3]".utf8).write(to: URL(fileURLWithPath: ids))
        let weights = URL(fileURLWithPath: path + "/model.safetensors")
        var bytes = [UInt8](try Data(contentsOf: weights))
        let header = bytes[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
        for index in stride(from: 8 + header, to: bytes.count, by: 2) {
          (bytes[index], bytes[index + 1]) = (0xc0, 0x7f)
        }
        try Data(bytes).write(to: weights)
        let run = try runRingflash(
          ["--model", path, "--token-ids", ids, "--max-tokens", "3", "--json"], ranks: ranks)
        expectSuccess(run, "NaN")
        let warnings = try Record(json: Data(run.output)).values["warnings"] as? [String] ?? []
        let words = "the logits of 3 tokens are not finite, first those of token 1 of the answer"
        #expect(warnings.count == 1 && warnings[0].hasPrefix(words), "\(warnings)")
        #expect(run.error.components(separatedBy: words).count == 2, "\(run.error)")
      }
    }

    @Test func closedStandardStreams() throws {
      try withContext { _, context in
        let noInput = try runProgram(["bash", "-c", "'\(programPath)' --context - <&-"])
        #expect(noInput.exitCode == 65 && noInput.messages.count == 1, "\(noInput.error)")
        #expect(noInput.error.contains("standard input is empty"))
        let noOutput = try runProgram(
          ["bash", "-c", "'\(programPath)' --context \(context) --quiet >&-"])
        #expect(noOutput.exitCode == 74 && noOutput.messages.count == 1, "\(noOutput.error)")
        let noError = try runProgram(
          ["bash", "-c", "'\(programPath)' --context \(context) --max-tokens 7 2>&-"])
        #expect(noError.exitCode == 0 && noError.output.count == 8)
      }
    }

    /// The reader of a long answer goes away after its first byte.
    @Test func closedStandardOutput() throws {
      try withContext { _, context in
        let answer = "--context \(context) --max-tokens 100000 --stop @@@ --quiet"
        let script = "| head -c 1; exit ${PIPESTATUS[0]}"
        let alone = try runProgram(["bash", "-c", "'\(programPath)' \(answer) \(script)"])
        #expect(alone.exitCode == 74 && alone.output.count == 1, "\(alone.error)")
        #expect(alone.messages.count == 1 && alone.error.contains("standard output"))
        // Here the reader is mpirun, which ends its ranks when its own reader has gone.
        let ranks = try runProgram(
          ["bash", "-c", "mpirun -np 3 '\(programPath)' \(answer) \(script)"])
        #expect(ranks.exitCode != 0 && ranks.output.count == 1, "\(ranks.error)")
      }
    }
  }
}
