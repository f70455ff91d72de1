import Files
import Foundation
import Reporting
import TestSupport
import Testing

@Suite struct ReportFileTests {
  /// Runs `body` with a new directory, and removes it.
  private func withDirectory(_ body: (String) throws -> Void) throws {
    try withExtendedLifetime(TemporaryDirectory()) { temporary in
      let directory = temporary.path + "/with a space"
      try FileManager.default.createDirectory(
        atPath: directory, withIntermediateDirectories: false)
      defer { chmod(directory, 0o755) }
      try body(directory)
    }
  }

  private func contents(_ path: String) -> String? {
    FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
  }

  private func expectError(_ path: String, saying reason: String) {
    let error = #expect(throws: FileError.self) { try ReportFile(path: path) }
    guard let error else { return }
    #expect(error.kind == .writeFailed)
    let beginning = "cannot write '\(path)': "
    #expect(error.description.hasPrefix(beginning), "\(error)")
    #expect(error.description.dropFirst(beginning.count).contains(reason), "\(error)")
    #expect(!error.description.contains("\n"), "\(error)")
  }

  @Test func checkingLeavesNoTraceAndWritingReplaces() throws {
    try withDirectory { directory in
      let path = directory + "/report.json"
      for existing in [nil, "the former report, which is longer"] {
        if let existing { try existing.write(toFile: path, atomically: false, encoding: .utf8) }
        let file = try ReportFile(path: path)
        #expect(contents(path) == existing)
        let names = try FileManager.default.contentsOfDirectory(atPath: directory)
        #expect(names == (existing == nil ? [] : ["report.json"]))
        try file.write(Data("new".utf8))
        #expect(contents(path) == "new")
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["report.json"])
        try FileManager.default.removeItem(atPath: path)
      }
    }
  }

  @Test func writesThroughASymbolicLink() throws {
    try withDirectory { directory in
      let (target, link) = (directory + "/target", directory + "/link")
      try "old".write(toFile: target, atomically: false, encoding: .utf8)
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "target")
      try ReportFile(path: link).write(Data("new".utf8))
      #expect(contents(target) == "new")
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == "target")
    }
  }

  @Test func writesToADeviceWithoutReplacingIt() throws {
    try ReportFile(path: "/dev/null").write(Data("gone".utf8))
    var status = stat()
    #expect(stat("/dev/null", &status) == 0)
    #expect(status.st_mode & S_IFMT == S_IFCHR)
  }

  @Test func acceptsANameInTheCurrentDirectory() throws {
    let name = "report-\(UUID().uuidString).json"
    try ReportFile(path: name).write(Data("here".utf8))
    #expect(contents(FileManager.default.currentDirectoryPath + "/" + name) == "here")
    try FileManager.default.removeItem(atPath: name)
  }

  @Test func refusesWhatCannotBeAFile() throws {
    try withDirectory { directory in
      try "text".write(toFile: directory + "/file", atomically: false, encoding: .utf8)
      expectError("", saying: "the path is empty")
      expectError(directory, saying: "it is a directory")
      expectError(directory + "/missing/report.json", saying: "/missing' does not exist")
      expectError(directory + "/file/report.json", saying: "/file' is not a directory")
      expectError(directory + "/" + .init(repeating: "x", count: 5000), saying: "too long")
    }
  }

  @Test func takesEveryNameThatAFileMayHave() throws {
    try withDirectory { directory in
      let path = directory + "/" + .init(repeating: "x", count: 255)
      try ReportFile(path: path).write(Data("new".utf8))
      #expect(contents(path) == "new")
    }
  }

  @Test func namesAFullDisk() throws {
    let error = #expect(throws: FileError.self) {
      try ReportFile(path: "/dev/full").write(Data("new".utf8))
    }
    #expect(error?.description == "cannot write '/dev/full': no space left on device")
  }

  @Test func reportsADirectoryThatVanished() throws {
    try withDirectory { directory in
      let file = try ReportFile(path: directory + "/report.json")
      try FileManager.default.removeItem(atPath: directory)
      #expect(throws: FileError.self) { try file.write(Data("new".utf8)) }
    }
  }

  @Test(.disabled(if: geteuid() == 0, "permissions do not hold root back"))
  func refusesAReadOnlyDirectoryAndFile() throws {
    try withDirectory { directory in
      let path = directory + "/report.json"
      try "old".write(toFile: path, atomically: false, encoding: .utf8)
      chmod(path, 0o444)
      expectError(path, saying: "permission denied")
      chmod(path, 0o644)
      chmod(directory, 0o555)
      expectError(path, saying: "permission denied")
      #expect(contents(path) == "old")
    }
  }
}
