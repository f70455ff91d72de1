import CommandLine
import Foundation
import Ranks
import TestSupport
import Testing

/// What a run writes never takes the place of what it reads, or of what else it writes.
@Suite struct FilesOfRunTests {
  private func expectRefused(
    _ arguments: [String], _ words: [String], sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let parsed = CommandLineParser.parse(arguments)
    guard case .success(.generate(let options)) = parsed else {
      Issue.record("\(arguments): \(parsed)", sourceLocation: sourceLocation)
      return
    }
    let failure = #expect(throws: Failure.self, "\(arguments)", sourceLocation: sourceLocation) {
      _ = try GenerateSettings.resolve(options)
    }
    #expect(failure?.exitCode == .usage, sourceLocation: sourceLocation)
    for word in words {
      #expect(
        failure?.sentence.contains(word) == true, "no '\(word)' in \(failure?.sentence ?? "")",
        sourceLocation: sourceLocation)
    }
  }

  @Test func outputs() throws {
    try withTemporaryDirectory { directory in
      func path(_ name: String) -> String { "\(directory)/\(name)" }
      for name in ["c.txt", "p.jsonl", "q.txt"] {
        try Data("text".utf8).write(to: URL(fileURLWithPath: path(name)))
      }
      try Data("seed: 1\n".utf8).write(to: URL(fileURLWithPath: path("c.yaml")))
      #expect(symlink("c.txt", path("link")) == 0)
      #expect(link(path("c.txt"), path("hard")) == 0)
      #expect(mkdir(path("model"), 0o777) == 0)
      try Data("{}".utf8).write(to: URL(fileURLWithPath: path("blob")))
      #expect(symlink("../blob", path("model/config.json")) == 0)
      let context = ["--context", path("c.txt")]
      for output in ["--report", "--logits", "--trace", "--save"] {
        for name in ["c.txt", "./c.txt", "link", "hard"] where output != "--save" {
          try expectRefused(
            context + [output, path(name)], [output, "would overwrite the context '", "c.txt'"])
        }
      }
      try expectRefused(
        context + ["--report", path("r"), "--trace", path("./r")], ["--report", "--trace"])
      try expectRefused(
        context + ["--report", path("r"), "--logits", path("r")], ["--report", "--logits"])
      try expectRefused(
        context + ["--prompts", path("p.jsonl"), "--answers", path("a"), "--report", path("./a")],
        ["--answers", "--report"])
      try expectRefused(
        context + ["--prompts", path("p.jsonl"), "--answers", path("p.jsonl")], ["the prompts"])
      try expectRefused(
        context + ["--prompt-file", path("q.txt"), "--report", path("q.txt")], ["the prompt file"])
      try expectRefused(
        context + ["--config", path("c.yaml"), "--report", path("c.yaml")], ["the configuration"])
      try expectRefused(["--token-ids", path("c.txt"), "--trace", path("hard")], ["the token ids"])
      for file in ["model/config.json", "blob"] {
        try expectRefused(
          context + ["--model", path("model"), "--logits", path(file)], ["the model's file"])
      }
      for report in [
        "s", "s/manifest.json", "s/blocks/report", "../\(lastComponent(directory))/s/x",
      ] {
        try expectRefused(
          context + ["--save", path("s"), "--report", path(report)], ["the saved context"])
      }
    }
  }

  @Test(
    arguments: [
      ["--answers", "-"], ["--prompts", "-"], ["--output", "a", "--answers", "./a"],
      ["--prompts", "a", "--answers", "a", "--output", "b"],
    ])
  func haystacks(outputs: [String]) throws {
    let parsed = CommandLineParser.parse(["haystack", "--tokens", "99"] + outputs)
    guard case .success(.haystack(let command)) = parsed else {
      Issue.record("\(outputs): \(parsed)")
      return
    }
    let failure = #expect(throws: Failure.self) { try command.execute() }
    #expect(failure?.exitCode == .usage)
  }

  @Test func otherPlacesAreFine() throws {
    try withTemporaryDirectory { directory in
      let arguments = [
        "--context", "\(directory)/c", "--save", "\(directory)/s", "--report",
        "\(directory)/s.json",
        "--trace", "/dev/null", "--logits", "/dev/null",
      ]
      guard case .success(.generate(let options)) = CommandLineParser.parse(arguments) else {
        Issue.record("no options")
        return
      }
      _ = try GenerateSettings.resolve(options)
    }
  }
}

private func lastComponent(_ path: String) -> String {
  URL(fileURLWithPath: path).lastPathComponent
}
