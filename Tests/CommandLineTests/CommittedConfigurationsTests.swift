import CommandLine
import Foundation
import Inference
import ModelFiles
import Testing

/// The files in `configs/` say what they are meant to say.
@Suite struct CommittedConfigurationsTests {
  private func path(_ name: String) -> String {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    return root.appendingPathComponent("configs/\(name)").path
  }

  private func options(_ name: String) throws -> GenerateOptions {
    try ConfigurationFile.options(path: path(name))
  }

  /// The shape that `bench model` has built in is the one that can be named as a directory.
  @Test func benchmarkModel() throws {
    let name = BenchmarkModel.builtInName
    let text = try String(contentsOfFile: path("\(name)/config.json"), encoding: .utf8)
    #expect(text == BenchmarkModel.builtInConfiguration)
    let directory = try ModelDirectory(path: path(name))
    let outline = try ModelOutline(directory, precision: .bf16, weights: .random)
    #expect(outline.weights.parameters == 94_389_248)
  }

  @Test func quickstart() throws {
    let settings = try GenerateSettings(options("quickstart.yaml"))
    let expected = try GenerateSettings(
      generateOptions([
        "--context", "haystack.txt", "--model", "needle", "--max-tokens", "16", "--stop", ".",
        "--temperature", "0",
      ]))
    #expect(settings == expected)
  }

  @Test func cluster() throws {
    let flags = try generateOptions(["--context", "book.txt", "--prompt-file", "question.txt"])
    let settings = try GenerateSettings(flags.filled(from: options("cluster.yaml")))
    let expected = try GenerateSettings(
      generateOptions([
        "--context", "book.txt", "--prompt-file", "question.txt", "--model", "needle",
        "--max-tokens", "256", "--stop", "\n\n", "--stop", "</answer>", "--temperature", "0.7",
        "--top-k", "40", "--top-p", "0.95", "--seed", "1", "--precision", "bf16", "--partition",
        "zigzag", "--quiet", "--log-level", "info", "--report", "report.json", "--trace",
        "trace.json",
      ]))
    #expect(settings == expected)
  }
}
