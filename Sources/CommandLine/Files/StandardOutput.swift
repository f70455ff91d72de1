import Files
import Ranks
import SystemPackage

/// Writes to standard output at once, without a buffer of its own, so that a stream of text is seen
/// as it comes.
enum StandardOutput {
  /// - Throws: 74 if the reader has gone away or the disk is full.
  static func write(_ text: String) throws(Failure) {
    try write(Array(text.utf8))
  }

  static func write(_ bytes: [UInt8]) throws(Failure) {
    try Errno.explained {
      _ = try FileDescriptor.standardOutput.writeAll(bytes)
    } by: { code in
      let reason = code == .brokenPipe ? "its reader closed it" : systemMessage(code)
      return Failure(.inputOutput, "standard output cannot be written: \(reason)")
    }
  }
}
