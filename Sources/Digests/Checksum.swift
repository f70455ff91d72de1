/// A SHA-256 digest; as text and in JSON, 64 lowercase hexadecimal digits.
public struct Checksum: Hashable, Sendable, BitwiseCopyable {
  /// Of a digest.
  public static let bytes = 32

  private let first, second, third, fourth: UInt64

  /// - Parameter bytes: a digest, 32 bytes.
  init(bytes: UnsafeRawBufferPointer) {
    precondition(bytes.count == Self.bytes)
    func word(_ index: Int) -> UInt64 {
      UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self))
    }
    (first, second, third, fourth) = (word(0), word(1), word(2), word(3))
  }

  /// The digest of these bytes.
  public init(of bytes: UnsafeRawBufferPointer) {
    var hash = SHA256()
    hash.update(bytes)
    self = hash.checksum
  }

  /// The digest of a text in UTF-8.
  public init(of text: String) {
    var hash = SHA256()
    hash.update(text)
    self = hash.checksum
  }

  /// The digest's bytes as four numbers, big-endian.
  public var words: [UInt64] { [first, second, third, fourth] }

  /// Nil unless `text` is what `hexadecimal` gives.
  public init?(hexadecimal text: String) {
    let digits = Array(text.utf8)
    guard digits.count == 64 else { return nil }
    var words: [UInt64] = [0, 0, 0, 0]
    for (place, digit) in digits.enumerated() {
      let value: UInt8
      switch digit {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
      default: return nil
      }
      words[place / 16] = words[place / 16] << 4 | UInt64(value)
    }
    (first, second, third, fourth) = (words[0], words[1], words[2], words[3])
  }

  public var hexadecimal: String {
    words.map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }
}

extension Checksum: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let checksum = Checksum(hexadecimal: try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "no SHA-256")
    }
    self = checksum
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(hexadecimal)
  }
}
