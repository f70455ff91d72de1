import Foundation
import SystemPackage

/// A file that is written beside its place and takes it when it is whole, so that a reader finds
/// the old file, or none, or the new one, and never a part.
///
/// Dropped before `commit()`, it leaves nothing behind. Every method throws `FileError` of the kind
/// `writeFailed`.
public final class ReplacementFile {
  public let path: String
  private let temporaryPath: String
  private let descriptor: FileDescriptor
  private var isInPlace = false

  /// - Parameter path: of a regular file, which is replaced, or of none; a symbolic link is replaced
  ///   itself.
  public init(path: String) throws(FileError) {
    // A rename over a device or a directory would replace the one and fail on the other.
    if let type = try? Stat(path).type, type != .regular {
      throw FileError(
        .writeFailed,
        "\(path): cannot be written, it is there and no regular file; name another path")
    }
    let temporaryPath = Self.temporaryPath(beside: FilePath(path))
    self.path = path
    self.temporaryPath = temporaryPath
    descriptor = try Self.explained("cannot be created", path) {
      try FileDescriptor.open(
        temporaryPath, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
        permissions: .newFile)
    }
  }

  deinit {
    guard !isInPlace else { return }
    try? descriptor.close()
    unlink(temporaryPath)
  }

  /// Writes `bytes` where the last such write ended.
  public func append(_ bytes: some Sequence<UInt8>) throws(FileError) {
    try Self.explained("cannot be written", path) { _ = try descriptor.writeAll(bytes) }
  }

  /// Writes `bytes` over what is at `offset`; does not change where `append` goes on.
  public func overwrite(at offset: Int, with bytes: some Sequence<UInt8>) throws(FileError) {
    try Self.explained("cannot be written", path) {
      _ = try descriptor.writeAll(toAbsoluteOffset: Int64(offset), bytes)
    }
  }

  /// Brings the file to the disk and puts it in its place. Nothing can be written after.
  public func commit() throws(FileError) {
    // The disk tells what it could not keep before the former file is given up.
    try Self.explained("cannot be brought to the disk", path) { try descriptor.synchronize() }
    try Self.explained("cannot be put in its place", path) {
      guard rename(temporaryPath, path) == 0 else { throw Errno.last }
    }
    isInPlace = true
    try Self.explained("cannot be closed", path) { try descriptor.close() }
  }

  /// On the same file system as `place`, so that renaming it is atomic, and hidden. Of a long name it
  /// has the beginning only, for names have a limit.
  private static func temporaryPath(beside place: FilePath) -> String {
    let name = String((place.lastComponent?.string ?? "").unicodeScalars.prefix(48))
    let number = UInt64.random(in: 0 ... .max)
    return place.removingLastComponent().appending(".\(name).\(number).partial").string
  }

  private static func explained<Result>(
    _ problem: String, _ path: String, _ body: () throws -> Result
  ) throws(FileError) -> Result {
    try Errno.explained(body) {
      FileError(
        .writeFailed, path, problem, $0, "check that the directory is there and has room")
    }
  }
}
