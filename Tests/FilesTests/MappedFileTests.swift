import Files
import Foundation
import TestSupport
import Testing

struct MappedFileTests {
  @Test func aFilesBytesAreMapped() throws {
    let directory = try TemporaryDirectory()
    for count in [1, 4095, 4096, 4097, 100_000] {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 / 7) }
      let file = try MappedFile(path: try directory.write("file", bytes))
      #expect(file.bytes.elementsEqual(bytes), "\(count) bytes")
    }
  }

  @Test func whatCannotBeMappedIsToldApart() throws {
    let directory = try TemporaryDirectory()
    let file = try directory.write("file", "x")
    let empty = try directory.write("empty", "")
    let pipe = directory.path + "/pipe"
    #expect(mkfifo(pipe, 0o600) == 0)
    let loop = directory.path + "/loop"
    try FileManager.default.createSymbolicLink(atPath: loop, withDestinationPath: loop)
    let cases: [(path: String, kind: FileError.Kind, word: String)] = [
      (directory.path + "/missing", .notFound, "no such file"),
      (file + "/below", .notFound, "no such file"),
      (directory.path, .notFound, "directory"), (pipe, .notFound, "not a regular file"),
      (empty, .malformed, "empty"), (loop, .unreadable, "cannot be opened"),
    ]
    for (path, kind, word) in cases {
      expectError(kind, naming: [path, word]) { _ = try MappedFile(path: path) }
    }
  }
}
