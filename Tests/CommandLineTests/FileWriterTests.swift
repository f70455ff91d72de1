import Foundation
import Testing
import ringflash

@Suite struct FileWriterTests {
  private func write(_ text: String, to path: String) throws(Failure) {
    try FileWriter.write(Array(text.utf8), to: path, as: "report")
  }

  private func mode(_ path: String) -> mode_t {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
  }

  @Test func newAndReplacedFilesLeaveNothingBeside() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/report.json"
      for text in ["first and longer", "second", ""] {
        try write(text, to: path)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["report.json"])
      }
    }
  }

  @Test func replacedFileKeepsItsModeAndLinksStayLinks() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/file"
      let link = directory + "/link"
      try write("old", to: path)
      #expect(chmod(path, 0o640) == 0)
      #expect(symlink("file", link) == 0)
      try write("new", to: link)
      #expect(try String(contentsOfFile: path, encoding: .utf8) == "new")
      #expect(mode(path) == 0o640)
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == "file")
    }
  }

  @Test func whatIsNoFileIsWrittenTo() throws {
    try write("gone", to: "/dev/null")
    var status = stat()
    #expect(stat("/dev/null", &status) == 0 && status.st_mode & S_IFMT == S_IFCHR)
  }

  @Test func failuresAreOfOutput() throws {
    try withTemporaryDirectory { directory in
      for path in [directory, directory + "/missing/file", "/dev/full", "/proc/version"] {
        let failure = caughtFailure { _ = try write("text", to: path) }
        #expect(failure?.exitCode == .inputOutput, "\(path)")
        #expect(failure?.sentence.contains("report '\(path)' cannot be written: ") == true)
      }
      let left = try FileManager.default.contentsOfDirectory(atPath: directory)
      #expect(left.isEmpty)
    }
  }
}
