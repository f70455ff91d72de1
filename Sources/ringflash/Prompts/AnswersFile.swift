import Foundation
import Reporting

/// Where answers go, each when it is done: `--answers FILE`, or standard output. Rank 0 has it.
///
/// A file that is there is continued. Each answer is on the disk before the next one is written, so
/// that a job that ends at any moment loses the answers under way and no other.
package final class AnswersFile {
  /// Bytes that must be free for the work to begin: that of many short answers.
  private static let leastRoom = 1 << 16

  /// What was in the file before.
  package let earlier: AnsweredQuestions
  /// Nil is standard output.
  private let path: String?
  private let descriptor: Int32
  /// Nil for what is no regular file: it has no end to go back to.
  private var size: Int?

  /// Opens the file, creating it if need be, keeps other jobs away from it and reads what it has; it
  /// stays as it is.
  ///
  /// - Parameter path: nil for standard output.
  /// - Throws: 74 if the file cannot be written, its disk is full, or another job writes it; 65 with
  ///   file and line if what it has are no answers.
  package init(path: String?) throws(Failure) {
    self.path = path
    guard let path else {
      descriptor = STDOUT_FILENO
      earlier = try AnsweredQuestions(bytes: [], name: "standard output")
      return
    }
    let descriptor = try Self.open(path)
    do throws(Failure) {
      var status = stat()
      guard fstat(descriptor, &status) == 0 else { throw Self.failure(path, errno) }
      if status.st_mode & S_IFMT == S_IFREG {
        try Self.checkRoom(descriptor, path)
        let reader = LineReader(name: path) { () throws(Failure) in
          try FileReader.bytes(from: descriptor, upTo: 1 << 18, "answers '\(path)'")
        }
        earlier = try AnsweredQuestions(reader, name: path)
        size = Int(status.st_size)
      } else {
        earlier = try AnsweredQuestions(bytes: [], name: path)
      }
    } catch {
      close(descriptor)
      throw error
    }
    self.descriptor = descriptor
  }

  deinit {
    if path != nil { close(descriptor) }
  }

  /// Cuts off what was torn, so that the next line can be written.
  ///
  /// - Throws: 74.
  package func begin() throws(Failure) {
    guard let path, size != nil else { return }
    guard ftruncate(descriptor, earlier.wholeBytes) == 0 else { throw Self.failure(path, errno) }
    size = earlier.wholeBytes
    if earlier.lacksNewline { try append([UInt8(ascii: "\n")], path) }
  }

  /// Writes one answer; when this returns, it is on the disk.
  ///
  /// - Throws: 74; the file is then as it was before.
  package func append(_ record: AnswerRecord) throws(Failure) {
    let line: [UInt8]
    do {
      line = [UInt8](try record.json())
    } catch {
      throw Failure(.internalError, "an answer cannot be written as JSON: \(error)")
    }
    guard let path else { return try StandardOutput.write(line) }
    try append(line, path)
  }

  private func append(_ line: [UInt8], _ path: String) throws(Failure) {
    var rest = line[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if count >= 0 {
        rest = rest.dropFirst(count)
      } else if errno != EINTR {
        throw lost(path)
      }
    }
    guard let size else { return }
    guard fdatasync(descriptor) == 0 else { throw lost(path) }
    self.size = size + line.count
  }

  /// Takes back what was written of a line.
  private func lost(_ path: String) -> Failure {
    let failure = Self.failure(path, errno)
    if let size { _ = ftruncate(descriptor, size) }
    return failure
  }

  private static func open(_ path: String) throws(Failure) -> Int32 {
    do {
      _ = try ReportFile(path: path)
    } catch {
      throw Failure(error)
    }
    var status = stat()
    let isRegular = stat(path, &status) != 0 || status.st_mode & S_IFMT == S_IFREG
    let descriptor = Glibc.open(
      path, (isRegular ? O_RDWR | O_CREAT : O_WRONLY) | O_APPEND | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw failure(path, errno) }
    // Two jobs, such as one that is requeued while the first has not ended, would give every answer
    // twice. Where a file system has no locks, nothing is said.
    if flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
      close(descriptor)
      throw Failure(
        .inputOutput,
        "answers '\(path)' are being written by another job; wait for its end or give another file")
    }
    return descriptor
  }

  /// - Throws: 74 if the disk is full.
  private static func checkRoom(_ descriptor: Int32, _ path: String) throws(Failure) {
    var system = statvfs()
    // A file system that counts no blocks has no limit that could be seen.
    guard fstatvfs(descriptor, &system) == 0, system.f_blocks > 0 else { return }
    guard Int(system.f_bavail) * Int(system.f_frsize) >= leastRoom else {
      throw failure(path, ENOSPC)
    }
  }

  private static func failure(_ path: String, _ code: Int32) -> Failure {
    Failure(
      .inputOutput,
      """
      answers '\(path)' cannot be written: \(systemMessage(code)); make room or give another \
      --answers FILE, those that are written stay
      """)
  }
}
