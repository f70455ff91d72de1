import CommandLine
import Foundation
import Testing

extension EndToEndTests.Prompts {
  func expectFailure(
    _ arguments: [String], _ exitCode: Int32, _ words: [String], input: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    for ranks in [nil, 2] {
      let run = try runRingflash(arguments, ranks: ranks, input: input)
      let name = "\(arguments) on \(ranks ?? 0) ranks: \(run.error)"
      #expect(run.exitCode == exitCode, "\(name)", sourceLocation: sourceLocation)
      #expect(run.output.isEmpty, "\(name)", sourceLocation: sourceLocation)
      #expect(run.messages.count == 1, "\(name)", sourceLocation: sourceLocation)
      #expect(!run.error.contains("prefill:"), "\(name)", sourceLocation: sourceLocation)
      for word in words {
        #expect(
          run.messages.first?.contains(word) == true, "no '\(word)' in \(name)",
          sourceLocation: sourceLocation)
      }
    }
  }

  /// What an answers file has is not taken for answers to something else.
  @Test func answersToSomethingElse() throws {
    try withWork { work in
      let (prompts, answers) = (work.path("prompts"), work.path("answers"))
      let arguments = work.arguments + ["--prompts", prompts, "--answers", answers]
      // One after another, so that the answers stand in the order of the questions.
      expectSuccess(try runRingflash(arguments + ["--batch", "1"]), "first")
      for other in [["--precision", "fp32"], ["--max-tokens", "5"], ["--seed", "3"]] {
        try expectFailure(arguments + other, 65, [answers + ":1:", "--answers"])
      }
      // Neither the way it is computed nor an option that each question overrides is in it.
      for same in [["--partition", "striped"], ["--batch", "3"], ["--threads", "1"]] {
        expectSuccess(try runRingflash(arguments + same), "\(same)")
      }
      let text = try work.content("prompts")
      for (old, new, line) in [
        ("\"prompt\": \"x\"", "\"prompt\": \"y\"", ":2:"),
        ("\"max_tokens\": 20", "\"max_tokens\": 21", ":7:"),
        ("\"id\": 8", "\"id\": 9", ":8:"), ("\"id\": 8", "\"id\": \"8\"", ":8:"),
      ] {
        try work.write(text.replacingOccurrences(of: old, with: new), to: "prompts")
        try expectFailure(arguments, 65, [answers + line, "--answers"])
      }
      try work.write(text, to: "prompts")
      try work.write(work.content("text") + "One line more.\n", to: "text")
      try expectFailure(arguments, 65, [answers + ":1:", "context", "--answers"])
    }
  }

  /// Other weights of the same shape under the same path, and another instruction set.
  @Test func answersOfOtherWeights() throws {
    try withWork(random: true, tokens: 600) { work in
      let (prompts, answers) = (work.path("prompts"), work.path("answers"))
      let arguments =
        work.arguments + ["--prompts", prompts, "--answers", answers, "--batch", "1", "--quiet"]
      expectSuccess(try runRingflash(arguments), "first")
      let portable = try runRingflash(arguments, environment: ["RINGFLASH_ISA": "portable"])
      #expect(portable.exitCode == 65 && portable.messages.count == 1, "\(portable.error)")
      #expect(portable.error.contains("\(answers):1:"), "\(portable.error)")
      expectSuccess(try runRingflash(arguments), "again")

      let weights = URL(fileURLWithPath: work.path("model/model.safetensors"))
      var bytes = try Data(contentsOf: weights)
      bytes[bytes.count - 2] ^= 1
      try bytes.write(to: weights)
      try expectFailure(arguments, 65, [answers + ":1:", "model", "--answers"])
    }
  }

  @Test func badFiles() throws {
    try withWork { work in
      let (prompts, answers) = (work.path("prompts"), work.path("answers"))
      func arguments(_ prompts: String, _ answers: String? = nil) -> [String] {
        work.arguments + ["--prompts", prompts] + (answers.map { ["--answers", $0] } ?? [])
      }
      for (content, words) in [
        ("", ["no question"]),
        ("{\"id\": 1, \"prompt\": \"a\"}\n{\"id\": 2}\n", [":2:", "prompt"]),
        ("{\"id\": 1, \"promt\": \"a\"}\n", [":1:", "did you mean"]),
        ("{\"id\": 1, \"token_ids\": [258]}", [":1:", "258", "257"]),
      ] {
        try work.write(content, to: "bad")
        try expectFailure(arguments(work.path("bad")), 65, [work.path("bad")] + words)
      }
      try expectFailure(arguments("-"), 65, ["standard input"], input: "\n")
      try expectFailure(
        arguments("-"), 65, ["standard input:2:", "line 1"],
        input: "{\"id\": 1, \"prompt\": \"a\"}\n{\"id\": 1, \"prompt\": \"b\"}\n")
      try expectFailure(arguments(work.path("missing")), 66, [work.path("missing")])
      try expectFailure(arguments(work.directory), 66, [work.directory])
      let places = ["missing/answers", "", "prompts/answers"].map(work.path)
      for place in places { try expectFailure(arguments(prompts, place), 74, [place]) }
      try work.write("my notes\n", to: "answers")
      try expectFailure(arguments(prompts, answers), 65, [answers + ":1:", "--answers"])
      #expect(try work.content("answers") == "my notes\n")
      // More positions than the model was made for, by one question alone.
      try work.write("{\"id\": 1, \"prompt\": \"a\", \"max_tokens\": 2147483647}", to: "bad")
      try expectFailure(arguments(work.path("bad")), 65, ["--ignore-position-limit"])
      try expectFailure(
        arguments(work.path("bad")) + ["--ignore-position-limit"], 69, ["available"])
    }
  }

  /// A disk that is full by the time an answer comes ends every rank.
  @Test(arguments: [nil, 3])
  func fullDisk(ranks: Int?) throws {
    try withWork { work in
      let run = try runRingflash(
        work.arguments + [
          "--prompts", work.path("prompts"), "--answers", "/dev/full", "--quiet",
        ],
        ranks: ranks)
      #expect(run.exitCode == 74 && run.messages.count == 1, "\(run.error)")
      #expect(run.error.contains("'/dev/full'") && run.error.contains("no space left"))
    }
  }

  /// Room for some answers and a part of one: what is in the file is whole, and goes on with more room.
  @Test func fullInTheMiddleOfALine() throws {
    try withWork { work in
      let options =
        work.arguments + [
          "--prompts", work.path("prompts"), "--answers", work.path("answers"), "--quiet",
        ]
      let command = ([programPath] + options).map { "'\($0)'" }.joined(separator: " ")
      // A limit on the size of files stands in for a full disk; MPI has files of its own under it.
      let (limit, room) = (64 << 20, 700)
      let blank = String(repeating: " ", count: (1 << 20) - 1) + "\n"
      let padding = String(String(repeating: blank, count: limit >> 20).dropFirst(room))
      try work.write(padding, to: "answers")
      let run = try runProgram(["bash", "-c", "ulimit -f \(limit >> 10); exec \(command)"])
      #expect(run.exitCode == 74 && run.messages.count == 1, "\(run.error)")
      #expect(run.error.contains("'\(work.path("answers"))'"))
      let text = String(try work.content("answers").dropFirst(padding.count))
      let count = try answers(text).count
      #expect(text.hasSuffix("\n") && (1..<4).contains(count), "\(text)")
      expectSuccess(try runRingflash(options), "more room")
      let more = String(try work.content("answers").dropFirst(padding.count))
      #expect(more.hasPrefix(text))
      #expect(try answers(more).count == 8)
    }
  }
}
