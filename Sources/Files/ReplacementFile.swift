import Foundation
import SystemPackage

/// A file that is written beside its place and takes it when it is whole, so that a reader finds
/// the old file, or none, or the new one, and never a part.
///
/// Dropped before `commit()`, it leaves nothing behind. Every method throws `FileError` of the kind
/// `writeFailed`.
public final class ReplacementFile {
  public let path: String
  /// `path` with its symbolic links followed.
  private let place: FilePath
  private let temporaryPath: FilePath
  private let descriptor: FileDescriptor
  private var isInPlace = false

  /// - Parameter path: of a regular file, which is replaced by one of the same mode, or of none; of a
  ///   symbolic link, what it leads to.
  public init(path: String) throws(FileError) {
    // A rename over a device or a directory would replace the one and fail on the other.
    let place = FilePath(text: path).endOfLinks
    let former = try? Stat(place)
    if let former, former.type != .regular {
      throw FileError(
        .writeFailed,
        "\(path): cannot be written, it is there and no regular file; name another path")
    }
    let temporaryPath = Self.temporaryPath(beside: place)
    self.path = path
    self.place = place
    self.temporaryPath = temporaryPath
    let descriptor = try Self.explained("cannot be created", path) {
      try FileDescriptor.open(
        temporaryPath, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
        permissions: .newFile)
    }
    self.descriptor = descriptor
    if let former { fchmod(descriptor.rawValue, former.permissions.rawValue) }
  }

  deinit {
    guard !isInPlace else { return }
    try? descriptor.close()
    try? temporaryPath.removeFile()
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
      try temporaryPath.move(to: place)
    }
    isInPlace = true
    try Self.explained("cannot be closed", path) { try descriptor.close() }
  }

  /// On the same file system as `place`, so that renaming it is atomic, and hidden. Of a long name it
  /// has the beginning only, for names have a limit.
  private static func temporaryPath(beside place: FilePath) -> FilePath {
    let name = (place.lastComponent?.string ?? "").unicodeScalars.prefix(48)
    let number = UInt64.random(in: 0 ... .max)
    return place.removingLastComponent().appending(".\(String(name)).\(number).partial")
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
