import Foundation

/// Writes whole files.
package enum FileWriter {
  /// Makes `bytes` the content of the file at `path`; `-` is standard output.
  ///
  /// A file is written beside its place and renamed, so that nobody ever sees half of it. What is
  /// there and is no file (a pipe, `/dev/stdout`) is written to as it stands.
  ///
  /// - Parameter role: what the file is to the user, for messages ("report").
  /// - Throws: 74.
  package static func write(_ bytes: [UInt8], to path: String, as role: String) throws(Failure) {
    if path == "-" {
      try write(bytes, descriptor: STDOUT_FILENO, "\(role) to standard output")
      return
    }
    let name = "\(role) '\(path)'"
    var status = stat()
    let exists = stat(path, &status) == 0
    if exists && status.st_mode & S_IFMT != S_IFREG {
      let descriptor = open(path, O_WRONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw failure(errno, name) }
      defer { close(descriptor) }
      try write(bytes, descriptor: descriptor, name)
    } else {
      // Links stay links: what they point to is replaced.
      let place = exists ? URL(fileURLWithPath: path).resolvingSymlinksInPath().path : path
      let mode = exists ? status.st_mode & 0o777 : nil
      try replace(place, with: bytes, mode: mode, name)
    }
  }

  private static func replace(
    _ place: String, with bytes: [UInt8], mode: mode_t?, _ name: String
  ) throws(Failure) {
    let beside = "\(place).\(getpid()).partial"
    let descriptor = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw failure(errno, name) }
    do throws(Failure) {
      try fill(descriptor, with: bytes, mode: mode, name)
      guard rename(beside, place) == 0 else { throw failure(errno, name) }
    } catch {
      unlink(beside)
      throw error
    }
  }

  /// Writes all of a new file and closes it, which is when some file systems say that they are
  /// full.
  private static func fill(
    _ descriptor: Int32, with bytes: [UInt8], mode: mode_t?, _ name: String
  ) throws(Failure) {
    do throws(Failure) {
      if let mode, fchmod(descriptor, mode) != 0 { throw failure(errno, name) }
      try write(bytes, descriptor: descriptor, name)
    } catch {
      close(descriptor)
      throw error
    }
    guard close(descriptor) == 0 else { throw failure(errno, name) }
  }

  private static func write(
    _ bytes: [UInt8], descriptor: Int32, _ name: String
  ) throws(Failure) {
    let failed: Int32 = bytes.withUnsafeBytes { buffer in
      var written = 0
      while written < buffer.count {
        let count = Foundation.write(
          descriptor, buffer.baseAddress! + written, buffer.count - written)
        if count >= 0 {
          written += count
        } else if errno != EINTR {
          return errno
        }
      }
      return 0
    }
    guard failed == 0 else { throw failure(failed, name) }
  }

  private static func failure(_ code: Int32, _ name: String) -> Failure {
    Failure(.inputOutput, "\(name) cannot be written: \(systemMessage(code))")
  }
}
