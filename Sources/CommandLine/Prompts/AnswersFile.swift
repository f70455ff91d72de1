import Files
import Foundation
import Ranks
import Reporting
import SystemPackage

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
  private let descriptor: FileDescriptor
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
      descriptor = .standardOutput
      earlier = try AnsweredQuestions(bytes: [], name: "standard output")
      return
    }
    let descriptor = try Self.open(path)
    do throws(Failure) {
      let status = try Errno.explained {
        try Stat(descriptor)
      } by: {
        Self.failure(path, $0)
      }
      if status.type == .regular {
        try Self.checkRoom(descriptor, path)
        let reader = LineReader(name: path) { () throws(Failure) in
          try FileReader.bytes(from: descriptor, upTo: 1 << 18, "answers '\(path)'")
        }
        earlier = try AnsweredQuestions(reader, name: path)
        size = Int(status.size)
      } else {
        earlier = try AnsweredQuestions(bytes: [], name: path)
      }
    } catch {
      try? descriptor.close()
      throw error
    }
    self.descriptor = descriptor
  }

  deinit {
    if path != nil { try? descriptor.close() }
  }

  /// Cuts off what was torn, so that the next line can be written.
  ///
  /// - Throws: 74.
  package func begin() throws(Failure) {
    guard let path, size != nil else { return }
    try Errno.explained {
      try descriptor.resize(to: Int64(earlier.wholeBytes))
    } by: {
      Self.failure(path, $0)
    }
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
    try checkPlace(path)
  }

  /// Answers in a file that is no longer at its path are lost when this job ends.
  private func checkPlace(_ path: String) throws(Failure) {
    guard size != nil else { return }
    guard FileIdentity(descriptor) == FileIdentity(FilePath(text: path)) else {
      throw Failure(
        .inputOutput,
        "answers '\(path)' were removed or replaced while they were written; start the job again"
      )
    }
  }

  private func append(_ line: [UInt8], _ path: String) throws(Failure) {
    try Errno.explained {
      try descriptor.writeAll(line)
      if size != nil { try descriptor.synchronizeData() }
    } by: { code in
      // Takes back what was written of the line.
      if let size { try? descriptor.resize(to: Int64(size)) }
      return Self.failure(path, code)
    }
    if let size { self.size = size + line.count }
  }

  private static func open(_ path: String) throws(Failure) -> FileDescriptor {
    do {
      _ = try ReportFile(path: path)
    } catch {
      throw Failure(error)
    }
    let isRegular = (try? Stat(FilePath(text: path)).type) ?? .regular == .regular
    let descriptor = try Errno.explained {
      try FileDescriptor.open(
        FilePath(text: path), isRegular ? .readWrite : .writeOnly,
        options: isRegular ? [.append, .closeOnExec, .create] : [.append, .closeOnExec],
        permissions: .newFile)
    } by: {
      failure(path, $0)
    }
    // Two jobs, such as one that is requeued while the first has not ended, would give every answer
    // twice. Where a file system has no locks, nothing is said.
    if flock(descriptor.rawValue, LOCK_EX | LOCK_NB) != 0, Errno.last == .wouldBlock {
      try? descriptor.close()
      throw Failure(
        .inputOutput,
        "answers '\(path)' are being written by another job; wait for its end or give another file")
    }
    return descriptor
  }

  /// - Throws: 74 if the disk is full.
  private static func checkRoom(_ descriptor: FileDescriptor, _ path: String) throws(Failure) {
    var system = statvfs()
    // A file system that counts no blocks has no limit that could be seen.
    guard fstatvfs(descriptor.rawValue, &system) == 0, system.f_blocks > 0 else { return }
    guard Int(system.f_bavail) * Int(system.f_frsize) >= leastRoom else {
      throw failure(path, .noSpace)
    }
  }

  private static func failure(_ path: String, _ code: Errno) -> Failure {
    Failure(
      .inputOutput,
      """
      answers '\(path)' cannot be written: \(systemMessage(code)); make room or give another \
      --answers FILE, those that are written stay
      """)
  }
}
