import ContextFiles
import Files
import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite struct ContextLeaseTests {
  private static let here = ProcessInfo.processInfo.hostName

  private func withFolder(_ body: (ContextDirectory) throws -> Void) throws {
    try withTemporaryDirectory { path in try body(ContextDirectory(path: path)) }
  }

  private func lease(
    _ directory: ContextDirectory, host: String = here, process: Int = 1
  ) throws(FileError) -> ContextLease {
    try ContextLease(of: directory, for: .init(host: host, process: process))
  }

  /// A lease that a job on another host has left, written so many seconds ago.
  private func leave(_ directory: ContextDirectory, seconds: Int, renewals: Int = 3) throws {
    var holder = ContextLease.Holder(host: "elsewhere", process: 77)
    holder.renewals = renewals
    try JSONEncoder().encode(holder).write(to: URL(fileURLWithPath: directory.leasePath))
    let time = timespec(tv_sec: Int(Date().timeIntervalSince1970) - seconds, tv_nsec: 0)
    #expect(utimensat(AT_FDCWD, directory.leasePath, [time, time], 0) == 0)
  }

  private func expectRefused(
    _ directory: ContextDirectory, _ words: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let error = #expect(throws: FileError.self, sourceLocation: sourceLocation) {
      _ = try lease(directory, process: 2)
    }
    #expect(error?.kind == .writeFailed, sourceLocation: sourceLocation)
    #expect(error?.description.contains(words) == true, sourceLocation: sourceLocation)
  }

  @Test func oneJobAtATime() throws {
    try withFolder { directory in
      let first = try lease(directory)
      try first.check()
      #expect(directory.isBegun && directory.lease?.isHeld == true)
      #expect(directory.lease?.holder.process == 1)
      expectRefused(directory, "is being written by process 1 on \(Self.here)")
      first.release()
      #expect(directory.lease == nil && !directory.isBegun)
      let second = try lease(directory, process: 2)
      try second.check()
      second.release()
    }
  }

  /// The lock of a job that has ended is gone.
  @Test func aDeadJobOfThisHostIsFollowedAtOnce() throws {
    try withFolder { directory in
      let holder = ContextLease.Holder(host: Self.here, process: 9)
      try JSONEncoder().encode(holder).write(to: URL(fileURLWithPath: directory.leasePath))
      #expect(directory.lease?.isHeld == false)
      let next = try lease(directory)
      #expect(directory.lease?.holder.process == 1)
      next.release()
    }
  }

  /// Who looks whether a lease is held has its lock for a moment.
  @Test func whoLooksDoesNotRefuse() throws {
    try withFolder { directory in
      let looking = Thread {
        while !Thread.current.isCancelled {
          _ = directory.lease
          usleep(100)
        }
      }
      looking.start()
      defer { looking.cancel() }
      for _ in 0..<100 { try lease(directory).release() }
    }
  }

  @Test func aJobThatHasLongBeenSilentIsFollowed() throws {
    try withFolder { directory in
      try leave(directory, seconds: 61)
      #expect(directory.lease?.isHeld == false)
      var waitedFor: Int?
      let next = try ContextLease(of: directory, for: .init(host: Self.here, process: 1)) {
        waitedFor = $0.process
      }
      #expect(waitedFor == 77)
      try next.check()
      next.release()
    }
  }

  @Test func aSignOfLifeRefuses() throws {
    try withFolder { directory in
      try leave(directory, seconds: 30)
      #expect(directory.lease?.isHeld == true)
      let renewal = Thread { [self] in
        usleep(700_000)
        try? leave(directory, seconds: 0, renewals: 4)
      }
      renewal.start()
      expectRefused(directory, "is being written by process 77 on elsewhere")
    }
  }

  /// One that has locked the file, and says only then who it is.
  @Test func aHolderThatHasNotWrittenYetIsNamed() throws {
    try withFolder { directory in
      let path = directory.leasePath
      let file = try FileDescriptor.open(
        path, .readWrite, options: .create, permissions: .ownerReadWrite)
      #expect(flock(file.rawValue, LOCK_EX) == 0)
      let writing = Thread {
        usleep(200_000)
        let holder = ContextLease.Holder(host: "beside", process: 5)
        _ = try? file.writeAll(JSONEncoder().encode(holder))
      }
      writing.start()
      expectRefused(directory, "is being written by process 5 on beside")
      try file.close()
    }
  }

  @Test func aJobThatSleptTooLongNoticesIt() throws {
    try withFolder { directory in
      let first = try lease(directory)
      first.stop()
      try leave(directory, seconds: 0)
      let error = #expect(throws: FileError.self) { try first.check() }
      #expect(error?.description.contains("process 77 on elsewhere") == true)
      // It does not take what is not its own any more.
      first.release()
      #expect(directory.lease?.holder.process == 77)
    }
    try withFolder { directory in
      let first = try lease(directory)
      try FilePath(directory.leasePath).removeFile()
      let error = #expect(throws: FileError.self) { try first.check() }
      #expect(error?.description.contains("was removed") == true)
      first.release()
    }
  }

  @Test(arguments: ["", "{", "[1]", "{\"host\":1}", String(repeating: "x", count: 10_000)])
  func whatIsNoLeaseIsNobodys(content: String) throws {
    try withFolder { directory in
      try Data(content.utf8).write(to: URL(fileURLWithPath: directory.leasePath))
      #expect(directory.lease == nil)
      let next = try lease(directory)
      try next.check()
      next.release()
    }
  }

  @Test func folderThatIsNotThere() throws {
    let error = #expect(throws: FileError.self) {
      _ = try lease(ContextDirectory(path: "/not there"))
    }
    #expect(error?.kind == .writeFailed)
  }

  /// Another job has saved since this one looked.
  @Test func aChangedManifestIsNotReplaced() throws {
    let folder = try TemporaryDirectory()
    let sample = SampleContext(in: folder.path)
    try sample.directory.prepare()
    let first = try sample.write(layers: 1)
    try sample.directory.commit(first, replacing: nil)
    let second = try sample.write(layers: 2)
    for wrong in [nil, second] {
      let error = #expect(throws: FileError.self) {
        try sample.directory.commit(second, replacing: wrong)
      }
      #expect(error?.description.contains("another job has saved here") == true)
      #expect(try sample.directory.manifest() == first)
    }
    try sample.directory.commit(second, replacing: first)
    #expect(try sample.directory.manifest() == second)
  }
}
