import CommandLine
import Foundation
import TestSupport
import Testing

/// The program as built: what goes to which stream, and how it ends.
@Suite struct ProgramTests {
  @Test func haystackAndAnswers() throws {
    let expected = try Haystack.make(tokens: 5000, needles: 8, asked: 3, seed: 4)
    try withTemporaryDirectory { directory in
      let (text, answers) = (directory + "/h.txt", directory + "/a.json")
      let options = ["haystack", "--tokens", "5000", "--needles", "8", "--ask", "3", "--seed", "4"]
      let toFile = try runRingflash(options + ["--output", text, "--answers", answers])
      #expect(toFile.exitCode == 0 && toFile.output.isEmpty && toFile.error.isEmpty)
      #expect(try Array(Data(contentsOf: URL(fileURLWithPath: text))) == expected.text)

      let json = try Data(contentsOf: URL(fileURLWithPath: answers))
      #expect(try JSONDecoder().decode([Needle].self, from: json) == expected.needles)
      let objects = try #require(JSONSerialization.jsonObject(with: json) as? [[String: Any]])
      for object in objects {
        #expect(Set(object.keys) == ["index", "name", "passkey", "offset", "depth", "asked"])
      }
      #expect(objects.map { $0["asked"] as? Bool } == (1...8).map { $0 == 3 })

      let toOutput = try runRingflash(options)
      #expect(toOutput.exitCode == 0 && toOutput.output == expected.text)
      let lost = try runRingflash(options + ["--output", directory + "/missing/h.txt"])
      #expect(lost.exitCode == 74 && lost.error.hasPrefix("ringflash: error: cannot write '"))
    }
  }

  static let failures: [(arguments: [String], exitCode: Int32)] = [
    (["haystack", "--tokens", "100", "--needles", "8"], 64), (["--threads", "0"], 64),
    (["--quiet"], 64), (["--config", "/missing.yaml"], 66), (["--config", "/"], 66),
  ]

  @Test(arguments: failures)
  func failuresAreOneLineOnStandardError(arguments: [String], exitCode: Int32) throws {
    let run = try runRingflash(arguments)
    #expect(run.exitCode == exitCode)
    #expect(run.output.isEmpty)
    #expect(run.error.hasPrefix("ringflash: error: "))
    #expect(run.error.split(separator: "\n", omittingEmptySubsequences: false).count == 2)
  }

  @Test func configurationFromStandardInput() throws {
    let run = try runRingflash(["--config", "-"], input: "seed: 1\nbogus: 1\n")
    #expect(run.exitCode == 65)
    #expect(run.error.hasPrefix("ringflash: error: standard input:2:1: unknown option 'bogus'"))
  }

  @Test func helpAndVersionAreOnStandardOutput() throws {
    let help = try runRingflash(["--help"])
    #expect(help.exitCode == 0 && help.error.isEmpty)
    #expect(String(decoding: help.output, as: UTF8.self).contains("USAGE: ringflash"))
    let version = try runRingflash(["--version"])
    #expect(version.exitCode == 0 && String(decoding: version.output, as: UTF8.self) == "0.1.0\n")
  }
}
