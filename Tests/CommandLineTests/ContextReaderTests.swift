import CommandLine
import Foundation
import Ranks
import TestSupport
import Testing

@Suite struct ContextReaderTests {
  private static let readers: [@Sendable (String) throws -> Void] = [
    { _ = try ContextReader.context(path: $0) },
    { _ = try ContextReader.prompt(path: $0) },
    { _ = try ContextReader.tokenIds(path: $0) },
  ]

  private func failures(_ path: String) -> [Failure?] {
    Self.readers.map { reader in caughtFailure { _ = try reader(path) } }
  }

  /// By what is less, the memory or the address space.
  @Test func limits() throws {
    func limit(_ kilobytes: Int?, _ remaining: Int?) throws -> ReadingLimit {
      try withTemporaryDirectory { root in
        try FileManager.default.createDirectory(
          atPath: root + "/proc", withIntermediateDirectories: true)
        let text = kilobytes.map { "MemAvailable: \($0) kB\n" } ?? ""
        try Data(text.utf8).write(to: URL(fileURLWithPath: root + "/proc/meminfo"))
        return ReadingLimit(available: AvailableMemory(root: root), ofProcess: remaining)
      }
    }
    #expect(try limit(1 << 20, nil).bytes == 1 << 26)
    #expect(try limit(1 << 20, 1 << 26).bytes == 1 << 22)
    #expect(try limit(1 << 20, 1 << 40).bytes == 1 << 26)
    // A little can always be read.
    #expect(try limit(1, nil).bytes == 1 << 20)
    #expect(try limit(nil, 0).bytes == 1 << 20)
    #expect(try limit(nil, nil).bytes > 1 << 50)
    try withFile("long") { path in
      #expect(throws: Never.self) { try ContextReader.context(path: path) }
    }
  }

  @Test func badFilesOfEveryKind() throws {
    try withTemporaryDirectory { directory in
      let file = directory + "/file"
      try Data().write(to: URL(fileURLWithPath: file))
      let cases: [(path: String, exitCode: ExitCode)] = [
        (directory + "/missing", .noInput), (directory, .noInput), (file + "/below", .noInput),
        (directory + "/" + String(repeating: "x", count: 300), .noInput),
        (file, .badData), ("/dev/null", .badData),
        // Opens, and cannot be read.
        ("/proc/self/mem", .inputOutput),
      ]
      for (path, exitCode) in cases {
        for failure in failures(path) {
          #expect(failure?.exitCode == exitCode, "\(path): \(failure?.sentence ?? "no failure")")
          #expect(failure?.sentence.contains("'\(path)'") == true)
        }
      }
    }
  }

  @Test(.enabled(if: geteuid() != 0, "root may read everything"))
  func withoutPermission() throws {
    try withFile("text") { path in
      #expect(chmod(path, 0) == 0)
      for failure in failures(path) { #expect(failure?.exitCode == .inputOutput) }
    }
  }

  @Test(arguments: ["a", "\n", "h\u{E9}llo \u{1F600}\r\n", "\u{FEFF}mark", "nul\u{0}inside"])
  func text(text: String) throws {
    try withFile(text) { path in
      let context = try ContextReader.context(path: path)
      let prompt = try ContextReader.prompt(path: path)
      #expect(Array(context.utf8) == Array(text.utf8))
      #expect(Array(prompt.utf8) == Array(text.utf8))
    }
  }

  /// Bad UTF-8 at every distance from the beginning that a fast path for ASCII may handle
  /// differently.
  @Test func offsetOfTheFirstBadByte() throws {
    let bad: [[UInt8]] = [
      [0xFF], [0x80], [0xC3], [0xC0, 0xAF], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF5, 0x80],
    ]
    for before in [0, 1, 7, 8, 15, 16, 63, 64, 65, 70_000] {
      for bytes in bad {
        let content = [UInt8](repeating: 0x61, count: before) + bytes + Array("end \u{E9}".utf8)
        try withFile(content) { path in
          let failure = caughtFailure { _ = try ContextReader.context(path: path) }
          #expect(failure?.exitCode == .badData, "\(bytes) after \(before)")
          #expect(
            failure?.sentence.contains("offset \(before);") == true,
            "\(bytes) after \(before): \(failure?.sentence ?? "")")
        }
      }
    }
  }

  @Test func largeFilesOfAwkwardLengths() throws {
    for count in [65_535, 65_536, 65_537, 1_000_003] {
      let content = (0..<count).map { UInt8(0x20 + $0 % 95) }
      try withFile(content) { path in
        let context = try ContextReader.context(path: path)
        #expect(Array(context.utf8) == content, "\(count)")
      }
    }
  }

  /// A pipe has no size, and hands out what it has in pieces.
  @Test func pipes() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/pipe"
      #expect(mkfifo(path, 0o600) == 0)
      let content = String(repeating: "over and over. ", count: 40_000)
      Thread.detachNewThread {
        let descriptor = open(path, O_WRONLY)
        FileHandle(fileDescriptor: descriptor, closeOnDealloc: true).write(Data(content.utf8))
      }
      let context = try ContextReader.context(path: path)
      #expect(context == content)
    }
  }

  @Test(arguments: [
    ("[0]", [Int32(0)]), (" [ 1 ,\n\t2\r, 2147483647 ] \n", [1, 2, Int32.max]),
    ("[10,20,30]", [10, 20, 30]),
  ])
  func tokenIds(json: String, ids: [Int32]) throws {
    try withFile(json) { path in
      let read = try ContextReader.tokenIds(path: path)
      #expect(read == ids)
    }
  }

  @Test func manyTokenIds() throws {
    let ids = (0..<200_000).map { Int32($0 &* 7919 % 128_000) }
    try withFile("[" + ids.map(String.init).joined(separator: ", ") + "]") { path in
      let read = try ContextReader.tokenIds(path: path)
      #expect(read == ids)
    }
  }

  @Test(arguments: [
    (" \n", "the file is empty"), ("[]", "no elements"), ("[ ]", "no elements"),
    ("{}", "expected a JSON array, beginning with '[' at byte 0"),
    ("7", "expected a JSON array"), ("\u{FEFF}[1]", "expected a JSON array"),
    ("[1, -2]", "element 1 is a negative number"), ("[\"a\"]", "element 0 is a string"),
    ("[1, 2, [3]]", "element 2 is an array"), ("[{}]", "element 0 is an object"),
    ("[1, true]", "element 1 is a truth value"), ("[null]", "element 0 is null"),
    ("[1,,2]", "element 1 is missing"), ("[,1]", "element 0 is missing"),
    ("[1,]", "element 1 is missing"), ("[1,", "element 1 is missing"),
    ("[", "element 0 is missing"),
    ("[1.5]", "element 0 is written with a fraction or an exponent"),
    ("[1, 1e3]", "element 1 is written with a fraction or an exponent"),
    ("[1, 2E3]", "element 1 is written with a fraction or an exponent"),
    ("[2147483648]", "element 0 is too large"),
    ("[9, 99999999999999999999]", "element 1 is too large"),
    ("[007]", "element 0 is written with leading zeros"), ("[+1]", "element 0 is not JSON"),
    ("[1 2]", "expected ',' or ']' after element 0 at byte 3"),
    ("[1, 2", "expected ',' or ']' after element 1 at byte 5"),
    ("[1x]", "expected ',' or ']' after element 0 at byte 2"),
    ("[1] [2]", "expected nothing after the array at byte 4"),
  ])
  func badTokenIds(json: String, problem: String) throws {
    try withFile(json) { path in
      let failure = caughtFailure { _ = try ContextReader.tokenIds(path: path) }
      #expect(failure?.exitCode == .badData)
      #expect(failure?.sentence.contains(problem) == true, "\(failure?.sentence ?? "")")
    }
  }
}
