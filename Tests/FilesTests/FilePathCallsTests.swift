import Files
import Foundation
import SystemPackage
import TestSupport
import Testing

struct FilePathCallsTests {
  @Test func foldersAreCreatedAndListed() throws {
    let directory = try TemporaryDirectory()
    let folder = FilePath(directory.path + "/a b/ä/./c")
    try folder.makeFolders()
    try folder.makeFolders()
    #expect(FilePath(text: folder.string).type == .directory)
    for name in ["z", "A", ".hidden", "e\u{301}"] {
      try directory.write("a b/ä/c/\(name)", "x")
    }
    #expect(try folder.entries() == [".hidden", "A", "e\u{301}", "z"].sorted())
    #expect(throws: Errno.noSuchFileOrDirectory) { try folder.appending("missing").entries() }
    #expect(throws: Errno.notDirectory) { try folder.appending("z").entries() }
    #expect(throws: Errno.notDirectory) { try folder.appending("z").makeFolders() }
    #expect(throws: Errno.notDirectory) { try folder.appending("z").appending("y").makeFolders() }
  }

  @Test func aFileHasFurtherNames() throws {
    let directory = try TemporaryDirectory()
    let file = FilePath(text: try directory.write("file", "x"))
    func path(_ name: String) -> FilePath { FilePath(directory.path).appending(name) }
    try file.link(to: path("second"))
    #expect(FileIdentity(file) == FileIdentity(path("second")))
    try FileManager.default.createSymbolicLink(
      atPath: path("symbolic").string, withDestinationPath: "file")
    try path("symbolic").link(to: path("third"))
    #expect(try Stat(file).linkCount == 3)
    #expect(throws: Errno.fileExists) { try file.link(to: path("second")) }
    #expect(throws: Errno.noSuchFileOrDirectory) { try path("none").link(to: path("fourth")) }
  }

  @Test func linksAreFollowed() throws {
    let directory = try TemporaryDirectory()
    let file = try directory.write("file", "x")
    for (name, target) in [("good", "file"), ("broken", "missing")] {
      try FileManager.default.createSymbolicLink(
        atPath: "\(directory.path)/\(name)", withDestinationPath: target)
    }
    #expect(
      FilePath(text: file).type == .regular
        && FilePath(text: directory.path + "/good").type == .regular)
    #expect(
      FilePath(text: directory.path + "/broken").type == nil
        && FilePath(text: file + "/x").type == nil)
    #expect(FilePath(text: "/dev/null").type == .characterSpecial)
  }

  @Test(arguments: [
    ("/a/./b/../c/", "/a/c"), ("/", "/"), ("a/b", "WORK/a/b"), ("./a/../b", "WORK/b"),
    (".", "WORK"), ("/../a", "/a"),
  ])
  func pathsFromTheRoot(path: String, expected: String) {
    let work = FileManager.default.currentDirectoryPath
    #expect(
      FilePath(path).absolute.string == expected.replacingOccurrences(of: "WORK", with: work))
  }
}
