import Files
import SystemPackage

/// Writing at a place of a file, and bringing it to the disk; all throw `FileError` of the kind
/// `writeFailed`.
enum FileWriting {
  /// Writes pieces one behind the other from `offset` on; the file is created if it is not there.
  ///
  /// - Parameter cuts: whether what is behind the pieces goes.
  static func write(
    _ pieces: [UnsafeRawBufferPointer], to path: String, at offset: Int, cuts: Bool
  ) throws(FileError) {
    try with(path, .writeOnly, [.create]) { descriptor in
      var end = Int64(offset)
      for piece in pieces { end += Int64(try descriptor.writeAll(toAbsoluteOffset: end, piece)) }
      if cuts { try descriptor.resize(to: end) }
    }
  }

  /// Makes a new empty file; throws where there is one.
  static func create(_ path: String) throws(FileError) {
    try with(path, .writeOnly, [.create, .exclusiveCreate]) { _ in }
  }

  /// Returns once the file's content is on the disk.
  static func synchronize(_ path: String) throws(FileError) {
    try with(path, .writeOnly) { try $0.synchronizeData() }
  }

  /// Returns once the folder's entries are on the disk.
  static func synchronize(folder path: String) throws(FileError) {
    try with(path, .readOnly, [.directory]) { descriptor in
      do throws(Errno) {
        try descriptor.synchronize()
      } catch .invalidArgument, .notSupported {
        // Some file systems have nothing to bring to the disk here, and say so.
      }
    }
  }

  private static func with(
    _ path: String, _ mode: FileDescriptor.AccessMode, _ options: FileDescriptor.OpenOptions = [],
    _ body: (FileDescriptor) throws -> Void
  ) throws(FileError) {
    try Errno.explained {
      let descriptor = try FileDescriptor.open(
        FilePath(text: path), mode, options: options.union(.closeOnExec), permissions: .newFile)
      try descriptor.closeAfter { try body(descriptor) }
    } by: {
      FileError.writing(path, $0)
    }
  }
}
