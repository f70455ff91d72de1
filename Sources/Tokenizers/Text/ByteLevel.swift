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

  /// For each character below U+0180 its byte, or nil.
  private static let byteOfCharacter: [UInt8?] = {
    var bytes = [UInt8?](repeating: nil, count: 0x180)
    for (byte, character) in zip(UInt8.min...UInt8.max, characters) {
      bytes[Int(character.value)] = byte
    }
    return bytes
  }()

  /// The bytes that `token`, in UTF-8, is written for, or nil where it has a character outside the
  /// alphabet.
  static func bytes(ofToken token: some Collection<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(token.count)
    var lead: UInt8?
    for unit in token {
      let code: Int
      if let first = lead {
        // All of the alphabet has at most two bytes of UTF-8.
        code = Int(first & 0x1f) << 6 | Int(unit & 0x3f)
        lead = nil
      } else if unit < 0x80 {
        code = Int(unit)
      } else if unit < 0xe0 {
        lead = unit
        continue
      } else {
        return nil
      }
      guard code < byteOfCharacter.count, let byte = byteOfCharacter[code] else { return nil }
      bytes.append(byte)
    }
    return bytes
  }
}
