import Digests

/// SHA-256 over rows of logits, which are equal bit for bit for every number of ranks and threads.
public struct LogitsDigest: Sendable {
  private var content = SHA256()

  public init() {}

  /// Appends one row, `[vocabulary]` float32 in little-endian byte order.
  public mutating func update(row: UnsafeBufferPointer<Float>) {
    #if _endian(little)
      content.update(UnsafeRawBufferPointer(row))
    #else
      for logit in row {
        withUnsafeBytes(of: logit.bitPattern.littleEndian) { content.update($0) }
      }
    #endif
  }

  /// Appends one row, `[vocabulary]`.
  public mutating func update(row: [Float]) {
    row.withUnsafeBufferPointer { update(row: $0) }
  }

  /// The digest of the rows so far: 64 lowercase hexadecimal digits.
  public var hexadecimal: String { content.checksum.hexadecimal }
}
