import Files
import Foundation
import SystemPackage
import TestSupport
import Testing

struct FilePathQueriesTests {
  @Test func foldersAreCreatedAndListed() throws {
    let directory = try TemporaryDirectory()
    let folder = FilePath(directory.path + "/a b/ä/./c")
    try folder.createFolders()
    try folder.createFolders()
    #expect(FileType(at: folder.string) == .directory)
    for name in ["z", "A", ".hidden", "e\u{301}"] {
      try directory.write("a b/ä/c/\(name)", "x")
    }
    #expect(try folder.entries() == [".hidden", "A", "e\u{301}", "z"].sorted())
    #expect(throws: Errno.noSuchFileOrDirectory) { try folder.appending("missing").entries() }
    #expect(throws: Errno.notDirectory) { try folder.appending("z").entries() }
    #expect(throws: Errno.notDirectory) { try folder.appending("z").createFolders() }
    #expect(throws: Errno.notDirectory) { try folder.appending("z").appending("y").createFolders() }
  }

  @Test func linksAreFollowed() throws {
    let directory = try TemporaryDirectory()
    let file = try directory.write("file", "x")
    for (name, target) in [("good", "file"), ("broken", "missing")] {
      try FileManager.default.createSymbolicLink(
        atPath: "\(directory.path)/\(name)", withDestinationPath: target)
    }
    #expect(FileType(at: file) == .regular && FileType(at: directory.path + "/good") == .regular)
    #expect(FileType(at: directory.path + "/broken") == nil && FileType(at: file + "/x") == nil)
    #expect(FileType(at: "/dev/null") == .characterSpecial)
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
