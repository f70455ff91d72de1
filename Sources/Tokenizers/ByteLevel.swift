/// The alphabet in which byte-level tokenizers write bytes: one printable character for each, as
/// GPT-2 chose them.
///
/// The bytes that are printable in Latin-1 stand for themselves; the other 68, in order, are U+0100
/// and up.
enum ByteLevel {
  /// For each byte its character.
  static let characters: [Unicode.Scalar] = {
    var next: UInt32 = 0x100
    return (UInt8.min...UInt8.max).map { byte in
      switch byte {
      case 0x21...0x7e, 0xa1...0xac, 0xae...0xff:
        return Unicode.Scalar(byte)
      default:
        defer { next += 1 }
        return Unicode.Scalar(next)!
      }
    }
  }()

  private static let byteOfCharacter: [Unicode.Scalar: UInt8] = Dictionary(
    uniqueKeysWithValues: zip(characters, UInt8.min...UInt8.max))

  /// The bytes that `token` is written for, or nil where it has a character outside the alphabet.
  static func bytes(ofToken token: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(token.utf8.count)
    for character in token.unicodeScalars {
      guard let byte = byteOfCharacter[character] else { return nil }
      bytes.append(byte)
    }
    return bytes
  }
}
