import Foundation
import SystemPackage

// What swift-system does not have. As its functions, these begin anew where a signal interrupts them.
extension FileDescriptor {
  /// Returns once the file's bytes, or the folder's entries, are on the disk.
  ///
  /// The corresponding C function is `fsync`.
  public func synchronize() throws(Errno) {
    while fsync(rawValue) != 0 { try Self.throwUnlessInterrupted() }
  }

  /// Returns once the file's bytes are on the disk; the time of the change may not be.
  ///
  /// The corresponding C function is `fdatasync`.
  public func synchronizeData() throws(Errno) {
    while fdatasync(rawValue) != 0 { try Self.throwUnlessInterrupted() }
  }

  private static func throwUnlessInterrupted() throws(Errno) {
    let code = Errno.last
    guard code == .interrupted else { throw code }
  }

  /// Reads until `count` bytes are there or the end is reached.
  public func read(upTo count: Int) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      let room = UnsafeMutableRawBufferPointer(buffer)
      while filled < count {
        let got = try read(into: UnsafeMutableRawBufferPointer(rebasing: room[filled..<count]))
        guard got > 0 else { return }
        filled += got
      }
    }
  }

  /// Reads up to the end.
  ///
  /// - Parameters:
  ///   - size: the bytes that are likely to come; 0 where nobody knows.
  ///   - limit: of what comes after so many bytes, no more than one is read.
  public func readToEnd(expecting size: Int, atMost limit: Int = .max - 1) throws -> [UInt8] {
    var content: [UInt8] = []
    // One byte more than are likely: the read that finds the end is the first one.
    var room = min(max(size + 1, 1 << 16), limit + 1)
    while true {
      let piece = try read(upTo: room)
      if content.isEmpty { content = piece } else { content += piece }
      guard piece.count == room, content.count <= limit else { return content }
      room = min(content.count, limit + 1 - content.count)
    }
  }
}

extension FilePermissions {
  /// Of a new file: what the process's file mode creation mask leaves of reading and writing for all.
  public static let newFile: FilePermissions = [
    .ownerReadWrite, .groupReadWrite, .otherReadWrite,
  ]
}
