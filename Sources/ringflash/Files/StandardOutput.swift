import Foundation

/// Writes to standard output at once, without a buffer of its own, so that a stream of text is seen
/// as it comes.
enum StandardOutput {
  /// - Throws: 74 if the reader has gone away or the disk is full.
  static func write(_ text: String) throws(Failure) {
    try write(Array(text.utf8))
  }

  static func write(_ bytes: [UInt8]) throws(Failure) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
      if count >= 0 {
        rest = rest.dropFirst(count)
      } else if errno != EINTR {
        let reason = errno == EPIPE ? "its reader closed it" : systemMessage(errno)
        throw Failure(.inputOutput, "standard output cannot be written: \(reason)")
      }
    }
  }
}
