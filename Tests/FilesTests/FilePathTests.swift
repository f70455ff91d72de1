import Files
import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite struct FilePathTests {
  static let names: [[UInt8]] = [
    Array("report.json".utf8), Array("grüße/日本 😀".utf8), [0xff], [0x61, 0xe9, 0x62],
    // Cut short, too long a form, a surrogate, beyond the last character.
    [0xe6, 0x97], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x80, 0x80],
    // A character that spells a byte.
    [0xf4, 0x8f, 0xbe, 0x80], [0xf4, 0x8f, 0xbf, 0xbd, 0x41],
  ]

  @Test(arguments: names) func everyNameHasItsText(name: [UInt8]) throws {
    let signed = name.map { CChar(bitPattern: $0) }
    let text = String(spelling: signed)
    let path = FilePath(text: text)
    #expect(
      path.withPlatformString { Array(UnsafeBufferPointer(start: $0, count: path.length)) }
        == signed)
    #expect(path.text == text)
    if String(validating: name, as: UTF8.self) != nil, name[0] != 0xf4 {
      #expect(text == String(decoding: name, as: UTF8.self))
    }
  }

  @Test func differentNamesHaveDifferentTexts() {
    let texts = Self.names.map { String(spelling: $0.map { CChar(bitPattern: $0) }) }
    #expect(Set(texts).count == texts.count)
  }

  @Test func foldersListWhatIsInThem() throws {
    try withTemporaryDirectory { directory in
      let folder = FilePath(directory).appending("a/b")
      try folder.makeFolders()
      try folder.makeFolders()
      #expect(folder.isFolder && folder.exists)
      let odd = FilePath(text: directory + "/a/b/" + String(spelling: [CChar(bitPattern: 0xe9)]))
      try FileDescriptor.open(odd, .writeOnly, options: .create, permissions: .newFile).close()
      #expect(try folder.entries() == ["\u{10ffe9}"])
      #expect(throws: Errno.fileExists) { try folder.makeFolder() }
      #expect(throws: Errno.directoryNotEmpty) { try folder.removeFolder() }
      let place = folder.appending("c")
      try odd.move(to: place)
      #expect(try folder.entries() == ["c"])
      #expect(throws: Errno.notDirectory) { try place.entries() }
      try place.removeFile()
      #expect(throws: Errno.noSuchFileOrDirectory) { try place.removeFile() }
      #expect(throws: Errno.noSuchFileOrDirectory) { try folder.appending("x/y").entries() }
      try folder.removeFolder()
    }
  }

  @Test func pathsAreFollowedToTheirEnd() throws {
    try withTemporaryDirectory { directory in
      let folder = FilePath(directory).resolved
      #expect(symlink("two", "\(directory)/one") == 0)
      #expect(symlink("deep/../three", "\(directory)/two") == 0)
      #expect(mkdir("\(directory)/deep", 0o777) == 0)
      #expect(folder.appending("one").endOfLinks.lexicallyNormalized() == folder.appending("three"))
      #expect(!folder.appending("one").exists)
      #expect(symlink("loop", "\(directory)/loop") == 0)
      #expect(folder.appending("loop").endOfLinks.lastComponent == "loop")
    }
    #expect(FilePath("a/../b/./c").absolute.text.hasSuffix("/b/c"))
    #expect(FilePath("/a/../b").absolute == "/b")
    #expect(FilePath("").orWorkingFolder == ".")
    #expect(try #require(FilePath(".").freeBytes) > 0)
    #expect(FilePath("/not there").freeBytes == nil)
  }
}
