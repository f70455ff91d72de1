import Foundation
import TestSupport
import Testing

@Suite struct TemporaryDirectoryTests {
  @Test func itHoldsWhatIsWrittenAndGoesWithIt() throws {
    var path = ""
    try withExtendedLifetime(TemporaryDirectory()) { directory in
      path = directory.path
      #expect(try directory.contents() == [])
      let file = try directory.write("b", [1, 2, 255])
      #expect(file == "\(path)/b")
      #expect(try directory.bytes(of: "b") == [1, 2, 255])
      try directory.write("b", "é")
      #expect(try directory.bytes(of: "b") == Array("é".utf8))
      try FileManager.default.createDirectory(
        atPath: "\(path)/a", withIntermediateDirectories: false)
      try directory.write("a/.c", "")
      #expect(try directory.contents() == ["a", "a/.c", "b"])
      #expect(try TemporaryDirectory().path != path)
    }
    #expect(!FileManager.default.fileExists(atPath: path))
  }
}
