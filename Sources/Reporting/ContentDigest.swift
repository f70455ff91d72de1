import Crypto
import Foundation

/// SHA-256 over bytes that come in pieces.
public struct ContentDigest: Sendable {
  private var hash = SHA256()

  public init() {}

  public mutating func update(_ bytes: some DataProtocol) {
    hash.update(data: bytes)
  }

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    hash.update(bufferPointer: bytes)
  }

  /// The digest of the bytes so far: 64 lowercase hexadecimal digits.
  public var hexadecimal: String {
    hash.finalize().map { byte in
      (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
  }
}
