import Foundation

/// A file that is written beside its place and takes it when it is whole, so that a reader finds
/// the old file, or none, or the new one, and never a part.
///
/// Dropped before `commit()`, it leaves nothing behind. Every method throws
/// `ModelFileError.writeFailed`.
package final class ReplacementFile {
  package let path: String
  private let temporaryPath: String
  private var descriptor: Int32

  package init(path: String) throws {
    var status = stat()
    // A rename over a device or a directory would replace the one and fail on the other.
    if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
      throw ModelFileError(
        .writeFailed,
        "\(path): cannot be written, it is there and no regular file; name another path")
    }
    self.path = path
    let place = URL(fileURLWithPath: path)
    temporaryPath =
      place.deletingLastPathComponent().path
      + "/.\(place.lastPathComponent).\(UInt64.random(in: 0 ... .max)).partial"
    descriptor = open(temporaryPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    if descriptor < 0 { throw failure("cannot be created") }
  }

  deinit {
    if descriptor >= 0 {
      close(descriptor)
      unlink(temporaryPath)
    }
  }

  /// Writes `bytes` where the last such write ended.
  package func append(_ bytes: UnsafeRawBufferPointer) throws {
    try writeAll(bytes) { write(descriptor, $0.baseAddress, $0.count) }
  }

  /// Writes `bytes` over what is at `offset`; does not change where `append` goes on.
  func overwrite(at offset: Int, with bytes: UnsafeRawBufferPointer) throws {
    var offset = off_t(offset)
    try writeAll(bytes) { rest in
      let written = pwrite(descriptor, rest.baseAddress, rest.count, offset)
      offset += off_t(max(written, 0))
      return written
    }
  }

  /// Brings the file to the disk and puts it in its place. Nothing can be written after.
  package func commit() throws {
    guard fsync(descriptor) == 0 else { throw failure("cannot be brought to the disk") }
    guard rename(temporaryPath, path) == 0 else { throw failure("cannot be put in its place") }
    let closed = close(descriptor)
    descriptor = -1
    if closed != 0 { throw failure("cannot be closed") }
  }

  private func writeAll(
    _ bytes: UnsafeRawBufferPointer, with write: (UnsafeRawBufferPointer) -> Int
  ) throws {
    var rest = bytes
    while !rest.isEmpty {
      let written = write(rest)
      if written < 0 {
        if errno == EINTR { continue }
        throw failure("cannot be written")
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[written...])
    }
  }

  private func failure(_ problem: String) -> ModelFileError {
    ModelFileError(
      .writeFailed,
      "\(path): \(problem) (\(systemErrorText())); check that the directory is there and has room")
  }
}
