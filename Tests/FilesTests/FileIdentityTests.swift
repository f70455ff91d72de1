import Files
import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite struct FileIdentityTests {
  @Test func oneFileByAnyName() throws {
    try withTemporaryDirectory { directory in
      func identity(_ name: String) -> FileIdentity? {
        FileIdentity(FilePath("\(directory)/\(name)"))
      }
      for name in ["file", "other"] {
        try Data([1]).write(to: URL(fileURLWithPath: "\(directory)/\(name)"))
      }
      #expect(mkdir("\(directory)/folder", 0o777) == 0)
      #expect(symlink("../file", "\(directory)/folder/link") == 0)
      #expect(symlink("new", "\(directory)/to-new") == 0)
      #expect(link("\(directory)/file", "\(directory)/hard") == 0)
      let file = try #require(identity("file"))
      for same in ["./file", "folder/../file", "folder/link", "hard", "//file"] {
        #expect(identity(same) == file, "\(same)")
      }
      #expect(identity("other") != file && identity("folder") != file)
      // What is not there yet.
      let new = try #require(identity("new"))
      #expect(identity("folder/../new") == new && identity("to-new") == new)
      #expect(identity("newer") != new && identity("folder/new") != new)
      #expect(identity("not there/new") == nil)
      // What no writing replaces.
      #expect(FileIdentity("/dev/null") == nil)
      let open = try FileDescriptor.open("\(directory)/hard", .readOnly)
      #expect(FileIdentity(open) == file)
      try open.close()
    }
  }

  @Test func foldersAroundAPath() throws {
    try withTemporaryDirectory { directory in
      let folder = FilePath(directory)
      try folder.appending("a/b").makeFolders()
      #expect(symlink("a/b", "\(directory)/link") == 0)
      let a = try #require(FileIdentity(folder.appending("a")))
      #expect(FileIdentity.folders(around: folder.appending("a/b/new")).contains(a))
      #expect(FileIdentity.folders(around: folder.appending("link/new")).contains(a))
      #expect(!FileIdentity.folders(around: folder.appending("new")).contains(a))
      // A folder that is not there yet.
      let later = try #require(FileIdentity(folder.appending("later")))
      #expect(FileIdentity.folders(around: folder.appending("later/file")).contains(later))
    }
  }
}
