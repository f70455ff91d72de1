import Foundation
import Testing
import ringflash

/// The program as built: what goes to which stream, and how it ends.
@Suite struct ProgramTests {
  struct Run {
    let output: [UInt8]
    let error: String
    let exitCode: Int32
  }

  /// Runs the program that stands beside the test bundle.
  private func run(_ arguments: [String], input: String = "") throws -> Run {
    let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    let process = Process()
    process.executableURL = bundle.deletingLastPathComponent().appendingPathComponent("ringflash")
    process.arguments = arguments
    let (inputPipe, outputPipe, errorPipe) = (Pipe(), Pipe(), Pipe())
    process.standardInput = inputPipe
    process.standardOutput = outputPipe
    process.standardError = errorPipe
    try process.run()
    inputPipe.fileHandleForWriting.write(Data(input.utf8))
    try inputPipe.fileHandleForWriting.close()
    let output = outputPipe.fileHandleForReading.readDataToEndOfFile()
    let error = errorPipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Run(
      output: Array(output), error: String(decoding: error, as: UTF8.self),
      exitCode: process.terminationStatus)
  }

  @Test func haystackAndAnswers() throws {
    let expected = try Haystack.make(tokens: 5000, needles: 8, asked: 3, seed: 4)
    try withTemporaryDirectory { directory in
      let (text, answers) = (directory + "/h.txt", directory + "/a.json")
      let options = ["haystack", "--tokens", "5000", "--needles", "8", "--ask", "3", "--seed", "4"]
      let toFile = try run(options + ["--output", text, "--answers", answers])
      #expect(toFile.exitCode == 0 && toFile.output.isEmpty && toFile.error.isEmpty)
      #expect(try Array(Data(contentsOf: URL(fileURLWithPath: text))) == expected.text)

      let json = try Data(contentsOf: URL(fileURLWithPath: answers))
      #expect(try JSONDecoder().decode([Needle].self, from: json) == expected.needles)
      let objects = try #require(JSONSerialization.jsonObject(with: json) as? [[String: Any]])
      for object in objects {
        #expect(Set(object.keys) == ["index", "name", "passkey", "offset", "depth", "asked"])
      }
      #expect(objects.map { $0["asked"] as? Bool } == (1...8).map { $0 == 3 })

      let toOutput = try run(options)
      #expect(toOutput.exitCode == 0 && toOutput.output == expected.text)
      let lost = try run(options + ["--output", directory + "/missing/h.txt"])
      #expect(lost.exitCode == 74 && lost.error.hasPrefix("ringflash: error: haystack '"))
    }
  }

  static let failures: [(arguments: [String], exitCode: Int32)] = [
    (["haystack", "--tokens", "100", "--needles", "8"], 64), (["--threads", "0"], 64),
    (["--quiet"], 64), (["--config", "/missing.yaml"], 66), (["--config", "/"], 66),
  ]

  @Test(arguments: failures)
  func failuresAreOneLineOnStandardError(arguments: [String], exitCode: Int32) throws {
    let run = try run(arguments)
    #expect(run.exitCode == exitCode)
    #expect(run.output.isEmpty)
    #expect(run.error.hasPrefix("ringflash: error: "))
    #expect(run.error.split(separator: "\n", omittingEmptySubsequences: false).count == 2)
  }

  @Test func configurationFromStandardInput() throws {
    let run = try run(["--config", "-"], input: "seed: 1\nbogus: 1\n")
    #expect(run.exitCode == 65)
    #expect(run.error.hasPrefix("ringflash: error: standard input:2:1: unknown option 'bogus'"))
  }

  @Test func helpAndVersionAreOnStandardOutput() throws {
    let help = try run(["--help"])
    #expect(help.exitCode == 0 && help.error.isEmpty)
    #expect(String(decoding: help.output, as: UTF8.self).contains("USAGE: ringflash"))
    let version = try run(["--version"])
    #expect(version.exitCode == 0 && String(decoding: version.output, as: UTF8.self) == "0.1.0\n")
  }
}
