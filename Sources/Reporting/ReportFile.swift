import Foundation

/// A file that is written once, at the end of a long run.
///
/// Creating the value checks that the file can be written, so that hours of work are not lost to
/// a missing directory; `write` then replaces it as a whole, so that nobody ever reads half of it.
public struct ReportFile: Sendable {
  /// The path as it was given.
  public let path: String
  /// The file that is replaced: `path` with its symbolic links followed.
  private let destination: String
  /// A device or a pipe (`/dev/stdout`), which is written to and must never be replaced.
  private let isStream: Bool

  /// Checks that `path` can be written. An existing file stays as it is, and no file is left.
  ///
  /// - Throws: `ReportFileError` if `path` is a directory or write-protected, or if its directory
  ///   is missing or cannot be written.
  public init(path: String) throws(ReportFileError) {
    self.path = path
    guard !path.isEmpty else {
      throw ReportFileError(path: path, reason: "the path is empty; name a file")
    }
    var status = stat()
    if stat(path, &status) == 0 {
      let kind = status.st_mode & S_IFMT
      guard kind != S_IFDIR else {
        throw ReportFileError(path: path, reason: "it is a directory; name a file in it")
      }
      guard access(path, W_OK) == 0 else {
        throw ReportFileError(path: path, reason: "\(lastError()); choose another path")
      }
      isStream = kind != S_IFREG
    } else {
      // A missing file is fine, and what is wrong with its directory is said below.
      guard errno == ENOENT || errno == ENOTDIR else {
        throw ReportFileError(path: path, reason: "\(lastError()); choose another path")
      }
      isStream = false
    }
    destination = Self.resolved(path)
    if !isStream {
      try checkDirectory()
      let (descriptor, temporary) = try createTemporary()
      close(descriptor)
      unlink(temporary)
    }
  }

  /// Writes `contents`, replacing the file as a whole if there is one.
  ///
  /// - Throws: `ReportFileError` if the file system refuses, for example because it is full; the
  ///   former file is then still there.
  public func write(_ contents: Data) throws(ReportFileError) {
    if isStream {
      let descriptor = open(destination, O_WRONLY)
      guard descriptor >= 0 else { throw failure() }
      defer { close(descriptor) }
      guard writeAll(contents, to: descriptor) else { throw failure() }
      return
    }
    let (descriptor, temporary) = try createTemporary()
    defer { close(descriptor) }
    // fsync reports what the file system could not keep, before the former file is given up.
    guard
      writeAll(contents, to: descriptor), fsync(descriptor) == 0,
      rename(temporary, destination) == 0
    else {
      let error = failure()
      unlink(temporary)
      throw error
    }
  }

  private var directory: String {
    let directory = (destination as NSString).deletingLastPathComponent
    return directory.isEmpty ? "." : directory
  }

  private func checkDirectory() throws(ReportFileError) {
    var status = stat()
    guard stat(directory, &status) == 0 else {
      throw ReportFileError(
        path: path,
        reason: errno == ENOENT
          ? "the directory '\(directory)' does not exist; create it or choose another path"
          : "the directory '\(directory)' cannot be reached (\(lastError()))")
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw ReportFileError(path: path, reason: "'\(directory)' is not a directory")
    }
  }

  /// A new file beside the destination, on the same file system, so that renaming it is atomic.
  private func createTemporary() throws(ReportFileError) -> (descriptor: CInt, path: String) {
    let temporary = "\(directory)/.ringflash-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      throw ReportFileError(
        path: path,
        reason: "no file can be created in '\(directory)' (\(lastError())); choose another path")
    }
    return (descriptor, temporary)
  }

  private func failure() -> ReportFileError {
    ReportFileError(path: path, reason: lastError())
  }

  private static func resolved(_ path: String) -> String {
    guard let pointer = realpath(path, nil) else { return path }
    defer { free(pointer) }
    return String(cString: pointer)
  }
}

/// The last system call's error in words, without a capital letter, to stand inside a sentence.
private func lastError() -> String {
  let words = String(cString: strerror(errno))
  return words.prefix(1).lowercased() + words.dropFirst()
}

/// Writes every byte to `descriptor`; false, with `errno` set, where that fails.
func writeAll(_ data: Data, to descriptor: CInt) -> Bool {
  data.withUnsafeBytes { bytes in
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
      if count < 0 {
        if errno == EINTR { continue }
        return false
      }
      rest = rest.dropFirst(count)
    }
    return true
  }
}
