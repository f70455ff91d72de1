import Files
import Ranks
import SystemPackage

/// Reads whole files, pipes and devices.
package enum FileReader {
  /// The content of the file at `path`, or of standard input if `path` is `-`.
  ///
  /// Whatever can be read to an end will do: a file, a pipe (so `<(command)` of a shell), a
  /// terminal.
  ///
  /// - Parameters:
  ///   - role: what the file is to the user, for messages ("context").
  ///   - limit: how much may be read.
  /// - Throws: 66 if it is not there or is a directory or a disk, 69 if there is more than the limit,
  ///   74 if it cannot be read.
  package static func bytes(
    of path: String, as role: String, limit: ReadingLimit = .text
  ) throws(Failure) -> [UInt8] {
    let name = name(of: path, as: role)
    let (descriptor, size) = try openFile(path, name)
    defer { close(descriptor) }
    try limit.check(size, name)
    let bytes = try Errno.explained {
      try descriptor.readToEnd(expecting: size, atMost: limit.bytes)
    } by: {
      readFailure($0, name)
    }
    try limit.check(bytes.count, name)
    return bytes
  }

  /// Calls `body` with each line of the file at `path`, or of standard input if it is `-`; of the file
  /// no more is in memory than a line.
  ///
  /// - Throws: as `bytes(of:as:limit:)`, where what the lines have together counts; 65 for a line that
  ///   is too long; what `body` throws.
  package static func forEachLine(
    of path: String, as role: String, _ body: (LineReader.Line) throws(Failure) -> Void
  ) throws(Failure) {
    let name = name(of: path, as: role)
    let (descriptor, _) = try openFile(path, name)
    defer { close(descriptor) }
    let limit = ReadingLimit.text
    var count = 0
    var reader = LineReader(name: path == "-" ? "standard input" : path) { () throws(Failure) in
      let bytes = try bytes(from: descriptor, upTo: 1 << 18, name)
      count += bytes.count
      try limit.check(count, name)
      return bytes
    }
    while let line = try reader.next() { try body(line) }
  }

  /// - Parameter name: for messages.
  /// - Returns: a descriptor to read from, and the size of the file as far as it has one.
  private static func openFile(
    _ path: String, _ name: String
  ) throws(Failure) -> (descriptor: FileDescriptor, size: Int) {
    let descriptor = try Errno.explained {
      path == "-"
        ? .standardInput
        : try FileDescriptor.open(
          FilePath(text: path), .readOnly, options: .closeOnExec)
    } by: {
      openFailure($0, name)
    }
    do throws(Failure) {
      let status = try Errno.explained {
        try Stat(descriptor)
      } by: {
        readFailure($0, name)
      }
      switch status.type {
      case .directory: throw Failure(.noInput, "\(name) is a directory, give a file")
      case .blockSpecial: throw Failure(.noInput, "\(name) is a disk, give a file")
      default: return (descriptor, Int(status.size))
      }
    } catch {
      close(descriptor)
      throw error
    }
  }

  private static func close(_ descriptor: FileDescriptor) {
    if descriptor != .standardInput { try? descriptor.close() }
  }

  /// The content of the file at `path` as text.
  ///
  /// - Throws: as `bytes(of:as:limit:)`, and 65 if it is not UTF-8.
  package static func text(
    of path: String, as role: String, limit: ReadingLimit = .text
  ) throws(Failure) -> String {
    try text(bytes(of: path, as: role, limit: limit), name(of: path, as: role))
  }

  /// The content of a file that stands beside others, as a model's do: nothing waits for what writes
  /// into a pipe.
  ///
  /// - Throws: 65 if it is empty or not UTF-8, 69 if it is larger than such files are; `FileError`.
  package static func mappedText(of path: String, as role: String) throws -> String {
    let file = try MappedFile(path: path)
    let name = name(of: path, as: role)
    try ReadingLimit.settings.check(file.bytes.count, name)
    return try withExtendedLifetime(file) { try text(Array(file.bytes), name) }
  }

  private static func text(_ bytes: [UInt8], _ name: String) throws(Failure) -> String {
    do {
      return String(copying: try UTF8Span(validating: bytes.span))
    } catch {
      throw Failure(
        .badData,
        """
        \(name) is not UTF-8: the first bad byte is at offset \
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
    from descriptor: FileDescriptor, upTo count: Int, _ name: String
  ) throws(Failure) -> [UInt8] {
    try Errno.explained {
      try descriptor.read(upTo: count)
    } by: {
      readFailure($0, name)
    }
  }

  private static func openFailure(_ code: Errno, _ name: String) -> Failure {
    switch code {
    case .noSuchFileOrDirectory, .notDirectory, .fileNameTooLong:
      Failure(.noInput, "\(name) does not exist")
    case .noSuchAddressOrDevice, .operationNotSupportedByDevice:
      Failure(.noInput, "\(name) is not a file")
    default: Failure(.inputOutput, "\(name) cannot be opened: \(systemMessage(code))")
    }
  }

  private static func readFailure(_ code: Errno, _ name: String) -> Failure {
    Failure(.inputOutput, "\(name) cannot be read: \(systemMessage(code))")
  }
}

/// What the system says about an error number, in lower case ("permission denied").
func systemMessage(_ code: Errno) -> String { code.description.lowercased() }
