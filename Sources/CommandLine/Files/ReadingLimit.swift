import Ranks

/// How much is read of what a user names, so that a file that is too large, or a device that never
/// ends, is refused before it takes all memory.
package struct ReadingLimit: Sendable {
  package let bytes: Int
  /// What the limit follows from, for a message.
  private let reason: String

  /// Of a text that is tokenized or parsed.
  package static var text: ReadingLimit {
    ReadingLimit(available: AvailableMemory(), ofProcess: AddressSpace.remainingBytes)
  }

  /// Of a file that a person has written, such as one of options.
  package static let settings = ReadingLimit(
    bytes: 16 << 20, reason: "which is more than such a file needs; name the right one")

  private init(bytes: Int, reason: String) {
    (self.bytes, self.reason) = (bytes, reason)
  }

  /// With its tokens, and while it is made into them, a text takes many times its size.
  private static let timesInMemory = 16
  /// What can always be read.
  private static let least = 1 << 20

  /// - Parameters:
  ///   - available: nil where nobody knows.
  ///   - remaining: bytes that the process may still map; nil without a limit.
  package init(available: AvailableMemory?, ofProcess remaining: Int?) {
    let room = min(available?.bytes ?? .max, remaining ?? .max)
    bytes = max(Self.least, room / Self.timesInMemory)
    let words =
      room == remaining
      ? "\(decimalSize(room)), by the limit on address space (ulimit -v)"
      : available?.description ?? "unknown"
    reason = """
      and takes \(Self.timesInMemory) times as much memory; available is \(words); shorten it, or use \
      a host with more memory
      """
  }

  /// - Throws: 69 where there is more than the limit.
  func check(_ count: Int, _ name: String) throws(Failure) {
    if count > bytes {
      throw Failure(.unavailable, "\(name) has more than \(decimalSize(bytes)), \(reason)")
    }
  }
}
