import Files
import Foundation
import SystemPackage
import TestSupport
import Testing

struct ReplacementFileTests {
  private func replace(_ path: String, with text: String) throws {
    let file = try ReplacementFile(path: path)
    try file.append(text.utf8)
    try file.commit()
  }

  @Test func takesItsPlaceWhenItIsWhole() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/file"
    for former in [nil, "the former file, which is longer"] {
      if let former { try directory.write("file", former) }
      let file = try ReplacementFile(path: path)
      try file.append(Array("-----, ".utf8))
      try file.append(Data("world".utf8))
      try file.overwrite(at: 0, with: "hello".utf8)
      try file.append("!".utf8)
      #expect(try directory.contents().contains("file") == (former != nil))
      if let former { #expect(try directory.bytes(of: "file") == Array(former.utf8)) }
      #expect(
        try directory.contents().filter { $0.hasPrefix(".file.") && $0.hasSuffix(".partial") }.count
          == 1)
      try file.commit()
      #expect(try directory.bytes(of: "file") == Array("hello, world!".utf8))
      #expect(try directory.contents() == ["file"])
    }
  }

  @Test func leavesNothingWhenItIsDropped() throws {
    let directory = try TemporaryDirectory()
    for former in [[], ["file"]] {
      for name in former { try directory.write(name, "former") }
      do {
        let file = try ReplacementFile(path: directory.path + "/file")
        try file.append("new".utf8)
      }
      #expect(try directory.contents() == former)
    }
    #expect(try directory.bytes(of: "file") == Array("former".utf8))
  }

  @Test func keepsThePermissionsOfTheFormerFile() throws {
    let directory = try TemporaryDirectory()
    let new = open(directory.path + "/new", O_WRONLY | O_CREAT, 0o666)
    #expect(new >= 0 && close(new) == 0)
    let path = directory.path + "/file"
    try replace(path, with: "first")
    #expect(try Stat(path).permissions == Stat(directory.path + "/new").permissions)
    for former: mode_t in [0o600, 0o777, 0o644] {
      #expect(chmod(path, former) == 0)
      try replace(path, with: "new")
      #expect(try Stat(path).permissions.rawValue == former)
    }
  }

  @Test func aReaderOfTheFormerFileIsNotDisturbed() throws {
    let directory = try TemporaryDirectory()
    let former = [UInt8](repeating: 7, count: 100_000)
    let path = try directory.write("file", former)
    let mapped = try MappedFile(path: path)
    let descriptor = try FileDescriptor.open(path, .readOnly)
    defer { try? descriptor.close() }
    let first = try descriptor.read(upTo: 1000)
    try replace(path, with: "new")
    #expect(first + (try descriptor.readToEnd(expecting: 0)) == former)
    #expect(mapped.bytes.elementsEqual(former))
    #expect(try directory.bytes(of: "file") == Array("new".utf8))
  }

  @Test(arguments: [true, false]) func replacesWhatASymbolicLinkLeadsTo(isThere: Bool) throws {
    let directory = try TemporaryDirectory()
    if isThere { try directory.write("target", "former") }
    let link = directory.path + "/link"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "target")
    try replace(link, with: "new")
    #expect(try directory.bytes(of: "target") == Array("new".utf8))
    #expect(try Stat(link, followTargetSymlink: false).type == .symbolicLink)
  }

  @Test func refusesWhatIsNoRegularFile() throws {
    let directory = try TemporaryDirectory()
    let pipe = directory.path + "/pipe"
    #expect(mkfifo(pipe, 0o600) == 0)
    for path in [directory.path, pipe, "/dev/null", "/dev/full"] {
      expectError(.writeFailed, naming: [path, "no regular file"]) {
        try replace(path, with: "new")
      }
    }
    #expect(try directory.contents() == ["pipe"])
  }

  @Test func namesWhatTheSystemRefuses() throws {
    let directory = try TemporaryDirectory()
    let file = try directory.write("file", "former")
    for (path, code): (String, Errno) in [
      (directory.path + "/missing/file", .noSuchFileOrDirectory), (file + "/below", .notDirectory),
      ("/proc/file", .noSuchFileOrDirectory),
    ] {
      let error = #expect(throws: FileError.self) { try ReplacementFile(path: path) }
      #expect(error?.code == code, "\(path)")
      #expect(
        error?.description
          == "\(path): cannot be created (\(code)); check that the directory is there and has room")
    }

    let replacement = try ReplacementFile(path: file)
    let beyond = Int.max - 3
    expectError(.writeFailed, naming: [file, "cannot be written"]) {
      try replacement.overwrite(at: beyond, with: [1, 2])
    }
    try FileManager.default.removeItem(atPath: file)
    try FileManager.default.createDirectory(atPath: file, withIntermediateDirectories: false)
    expectError(.writeFailed, naming: [file, "cannot be put in its place"]) {
      try replacement.commit()
    }
    withExtendedLifetime(replacement) {}
  }

  /// In a process of its own, whose files may have 100 kB, as on a disk that becomes full.
  @Test func aFailureKeepsTheFormerFile() async {
    await #expect(processExitsWith: .success) {
      let directory = try TemporaryDirectory()
      let path = try directory.write("file", "former")
      signal(SIGXFSZ, SIG_IGN)
      var limit = rlimit(rlim_cur: 100_000, rlim_max: 100_000)
      precondition(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0)
      do {
        let file = try ReplacementFile(path: path)
        try file.append([UInt8](repeating: 1, count: 90_000))
        do throws(FileError) {
          try file.append([UInt8](repeating: 1, count: 90_000))
          preconditionFailure("more was written than may be")
        } catch {
          precondition(error.kind == .writeFailed && error.code == .fileTooLarge, "\(error)")
        }
      }
      let (names, content) = (try directory.contents(), try directory.bytes(of: "file"))
      precondition(names == ["file"] && content == Array("former".utf8), "\(names)")
    }
  }

  @Test func takesEveryNameThatAFileMayHave() throws {
    let directory = try TemporaryDirectory()
    for name in [
      String(repeating: "x", count: 255), "x" + String(repeating: "é", count: 127), ".hidden",
      "a b",
    ] {
      try replace("\(directory.path)/\(name)", with: name)
      #expect(try directory.bytes(of: name) == Array(name.utf8))
    }
    #expect(try directory.contents().count == 4)

    let name = "ringflash-\(UInt64.random(in: 0 ... .max))"
    defer { try? FileManager.default.removeItem(atPath: name) }
    try replace(name, with: "here")
    #expect(FileManager.default.contents(atPath: name) == Data("here".utf8))
  }
}
