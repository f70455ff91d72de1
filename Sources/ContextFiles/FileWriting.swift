import Foundation

/// Writing at a place of a file, and bringing it to the disk; all throw `ContextFileError` of the
/// kind `writeFailed`.
enum FileWriting {
  /// Writes pieces one behind the other from `offset` on; the file is created if it is not there.
  ///
  /// - Parameter cuts: whether what is behind the pieces goes.
  static func write(
    _ pieces: [UnsafeRawBufferPointer], to path: String, at offset: Int, cuts: Bool
  ) throws(ContextFileError) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw .writing(path) }
    var end = off_t(offset)
    do throws(ContextFileError) {
      for piece in pieces { try write(piece, descriptor, &end, path) }
      if cuts, ftruncate(descriptor, end) != 0 { throw .writing(path) }
    } catch {
      close(descriptor)
      throw error
    }
    guard close(descriptor) == 0 else { throw .writing(path) }
  }

  private static func write(
    _ bytes: UnsafeRawBufferPointer, _ descriptor: Int32, _ offset: inout off_t, _ path: String
  ) throws(ContextFileError) {
    var rest = bytes
    while !rest.isEmpty {
      let written = pwrite(descriptor, rest.baseAddress, rest.count, offset)
      if written < 0 {
        if errno == EINTR { continue }
        throw .writing(path)
      }
      offset += off_t(written)
      rest = UnsafeRawBufferPointer(rebasing: rest[written...])
    }
  }

  /// Returns once the file's content is on the disk.
  static func synchronize(_ path: String) throws(ContextFileError) {
    try withDescriptor(path, O_WRONLY) { fdatasync($0) }
  }

  /// Returns once the folder's entries are on the disk.
  static func synchronize(folder path: String) throws(ContextFileError) {
    try withDescriptor(path, O_RDONLY | O_DIRECTORY) { descriptor in
      // Some file systems have nothing to bring to the disk here, and say so.
      fsync(descriptor) == 0 || errno == EINVAL || errno == ENOTSUP ? 0 : -1
    }
  }

  private static func withDescriptor(
    _ path: String, _ flags: Int32, _ body: (Int32) -> Int32
  ) throws(ContextFileError) {
    let descriptor = open(path, flags | O_CLOEXEC)
    guard descriptor >= 0 else { throw .writing(path) }
    let code = body(descriptor) == 0 ? 0 : errno
    close(descriptor)
    guard code == 0 else { throw .writing(path, code) }
  }
}
