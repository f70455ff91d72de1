import Foundation

/// Reads whole files, pipes and devices.
package enum FileReader {
  /// The content of the file at `path`, or of standard input if `path` is `-`.
  ///
  /// Whatever can be read to an end will do: a file, a pipe (so `<(command)` of a shell), a
  /// terminal.
  ///
  /// - Parameter role: what the file is to the user, for messages ("context").
  /// - Throws: 66 if it is not there or is a directory or a disk, 74 if it cannot be read.
  package static func bytes(of path: String, as role: String) throws(Failure) -> [UInt8] {
    let name = name(of: path, as: role)
    let (descriptor, size) = try openFile(path, name)
    defer { if path != "-" { close(descriptor) } }
    var content: [UInt8] = []
    // One byte more than the file has: the read that finds the end is the first one.
    var room = max(size + 1, 1 << 16)
    while true {
      let piece = try bytes(from: descriptor, upTo: room, name)
      if content.isEmpty { content = piece } else { content += piece }
      guard piece.count == room else { return content }
      room = content.count
    }
  }

  /// Calls `body` with each line of the file at `path`, or of standard input if it is `-`; of the file
  /// no more is in memory than a line.
  ///
  /// - Throws: as `bytes(of:as:)`, and 65 for a line that is too long; what `body` throws.
  package static func forEachLine(
    of path: String, as role: String, _ body: (LineReader.Line) throws(Failure) -> Void
  ) throws(Failure) {
    let name = name(of: path, as: role)
    let (descriptor, _) = try openFile(path, name)
    defer { if path != "-" { close(descriptor) } }
    var reader = LineReader(name: path == "-" ? "standard input" : path) { () throws(Failure) in
      try bytes(from: descriptor, upTo: 1 << 18, name)
    }
    while let line = try reader.next() { try body(line) }
  }

  /// - Parameter name: for messages.
  /// - Returns: a descriptor to read from, and the size of the file as far as it has one.
  private static func openFile(
    _ path: String, _ name: String
  ) throws(Failure) -> (descriptor: Int32, size: Int) {
    let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw openFailure(errno, name) }
    do throws(Failure) {
      var status = stat()
      guard fstat(descriptor, &status) == 0 else { throw readFailure(errno, name) }
      switch status.st_mode & S_IFMT {
      case S_IFDIR: throw Failure(.noInput, "\(name) is a directory, give a file")
      case S_IFBLK: throw Failure(.noInput, "\(name) is a disk, give a file")
      default: return (descriptor, Int(status.st_size))
      }
    } catch {
      if path != "-" { close(descriptor) }
      throw error
    }
  }

  /// The content of the file at `path` as text.
  ///
  /// - Throws: as `bytes(of:as:)`, and 65 if it is not UTF-8.
  package static func text(of path: String, as role: String) throws(Failure) -> String {
    let bytes = try bytes(of: path, as: role)
    do {
      return String(copying: try UTF8Span(validating: bytes.span))
    } catch {
      throw Failure(
        .badData,
        """
        \(name(of: path, as: role)) is not UTF-8: the first bad byte is at offset \
        \(error.byteOffsets.lowerBound); convert it with iconv
        """)
    }
  }

  /// What a message calls the file.
  static func name(of path: String, as role: String) -> String {
    path == "-" ? "\(role) from standard input" : "\(role) '\(path)'"
  }

  /// Reads until `count` bytes are there or the end is reached.
  static func bytes(
    from descriptor: Int32, upTo count: Int, _ name: String
  ) throws(Failure) -> [UInt8] {
    var failed: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let got = read(descriptor, buffer.baseAddress! + filled, count - filled)
        if got > 0 {
          filled += got
        } else if got == 0 {
          return
        } else if errno != EINTR {
          failed = errno
          return
        }
      }
    }
    guard failed == 0 else { throw readFailure(failed, name) }
    return bytes
  }

  private static func openFailure(_ code: Int32, _ name: String) -> Failure {
    switch code {
    case ENOENT, ENOTDIR, ENAMETOOLONG: Failure(.noInput, "\(name) does not exist")
    case ENXIO, ENODEV: Failure(.noInput, "\(name) is not a file")
    default: Failure(.inputOutput, "\(name) cannot be opened: \(systemMessage(code))")
    }
  }

  private static func readFailure(_ code: Int32, _ name: String) -> Failure {
    Failure(.inputOutput, "\(name) cannot be read: \(systemMessage(code))")
  }
}

/// What the system says about an error number, in lower case ("permission denied").
func systemMessage(_ code: Int32) -> String {
  String(cString: strerror(code)).lowercased()
}
