import Files
import Foundation
import Synchronization
import SystemPackage
import TestSupport
import Testing

struct FileDescriptorTests {
  /// More than a pipe holds.
  private static let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 3) }

  /// Runs `work` on a thread and `meanwhile` on this one, with a way to interrupt the call that the
  /// thread waits in.
  private func interrupting(
    _ work: @escaping @Sendable () throws -> Void,
    meanwhile: (_ interrupt: () -> Void) throws -> Void
  ) throws {
    // Without SA_RESTART, so that calls end early. By itself nothing sends this signal.
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { _ in }
    #expect(sigaction(SIGURG, &action, nil) == 0)
    let (started, mayEnd, ended) = (
      DispatchSemaphore(value: 0), DispatchSemaphore(value: 0), DispatchSemaphore(value: 0)
    )
    let worker = Mutex(pthread_self())
    let thread = Thread {
      // The threads of the testing library, whose mask this one has, take no signals.
      var signals = sigset_t()
      sigemptyset(&signals)
      sigaddset(&signals, SIGURG)
      #expect(pthread_sigmask(SIG_UNBLOCK, &signals, nil) == 0)
      worker.withLock { $0 = pthread_self() }
      started.signal()
      #expect(throws: Never.self) { try work() }
      mayEnd.wait()
      ended.signal()
    }
    thread.start()
    started.wait()
    defer {
      mayEnd.signal()
      ended.wait()
    }
    let identity = worker.withLock { $0 }
    try meanwhile { pthread_kill(identity, SIGURG) }
  }

  /// The reader takes little at a time.
  @Test func allIsWrittenToAPipe() throws {
    let (readEnd, writeEnd) = try FileDescriptor.pipe()
    try interrupting {
      try writeEnd.closeAfter { _ = try writeEnd.writeAll(Self.bytes) }
    } meanwhile: { interrupt in
      try readEnd.closeAfter {
        var read: [UInt8] = []
        while case let piece = try readEnd.read(upTo: read.count % 197 + 1), !piece.isEmpty {
          read += piece
          interrupt()
        }
        #expect(read == Self.bytes)
      }
    }
  }

  /// No more than one byte beyond the limit, from a pipe and from a device that never ends.
  @Test func whatIsReadHasALimit() throws {
    for limit in [0, 1, 65_535, 65_536, 65_537, 199_999] {
      for expected in [0, 10, 300_000] {
        let device = try FileDescriptor.open("/dev/zero", .readOnly)
        let read = try device.closeAfter {
          try device.readToEnd(expecting: expected, atMost: limit)
        }
        #expect(read.count == limit + 1)
      }
    }
    let (readEnd, writeEnd) = try FileDescriptor.pipe()
    _ = try writeEnd.closeAfter { try writeEnd.writeAll([1, 2, 3]) }
    let read = try readEnd.closeAfter { try readEnd.readToEnd(expecting: 0, atMost: 3) }
    #expect(read == [1, 2, 3])
  }

  /// The writer gives little at a time.
  @Test(arguments: [0, 1, 199_999, 200_000, 300_000])
  func allIsReadFromAPipe(expected: Int) throws {
    let (readEnd, writeEnd) = try FileDescriptor.pipe()
    let read = Mutex<[UInt8]>([])
    try interrupting {
      let content = try readEnd.closeAfter { try readEnd.readToEnd(expecting: expected) }
      read.withLock { $0 = content }
    } meanwhile: { interrupt in
      try writeEnd.closeAfter {
        var rest = Self.bytes[...]
        while !rest.isEmpty {
          try writeEnd.writeAll(rest.prefix(rest.count % 997 + 1))
          rest = rest.dropFirst(rest.count % 997 + 1)
          interrupt()
        }
      }
    }
    #expect(read.withLock { $0 } == Self.bytes)
  }

  @Test func aFileIsReadToItsEnd() throws {
    let directory = try TemporaryDirectory()
    for count in [0, 1, 65_535, 65_536, 65_537, 200_000] {
      let path = try directory.write("file", Array(Self.bytes.prefix(count)))
      for expected in [0, count - 1, count, count + 1] where expected >= 0 {
        let descriptor = try FileDescriptor.open(path, .readOnly)
        try descriptor.closeAfter {
          let content = try descriptor.readToEnd(expecting: expected)
          #expect(content.elementsEqual(Self.bytes.prefix(count)), "\(count), \(expected)")
        }
      }
    }
    let descriptor = try FileDescriptor.open(directory.path, .readOnly)
    #expect(throws: Errno.isDirectory) {
      try descriptor.closeAfter { try descriptor.readToEnd(expecting: 0) }
    }
  }

  @Test func aFullDiskIsAnError() throws {
    let descriptor = try FileDescriptor.open("/dev/full", .writeOnly)
    #expect(throws: Errno.noSpace) {
      try descriptor.closeAfter { _ = try descriptor.writeAll(Self.bytes) }
    }
  }

  @Test func synchronizing() throws {
    let directory = try TemporaryDirectory()
    for path in [try directory.write("file", "x"), directory.path] {
      let descriptor = try FileDescriptor.open(path, .readOnly)
      try descriptor.closeAfter {
        try descriptor.synchronize()
        try descriptor.synchronizeData()
      }
    }
    let (readEnd, writeEnd) = try FileDescriptor.pipe()
    try readEnd.close()
    try writeEnd.closeAfter {
      #expect(throws: Errno.invalidArgument) { try writeEnd.synchronize() }
      #expect(throws: Errno.invalidArgument) { try writeEnd.synchronizeData() }
    }
  }
}
