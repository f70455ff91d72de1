/// Where UTF-8 is whole and where it is not (The Unicode Standard, table 3-7).
enum UTF8Scan {
  /// The offset of the first byte that belongs to no well-formed character, or nil.
  static func firstInvalidByte(in text: UnsafeBufferPointer<UInt8>) -> Int? {
    let raw = UnsafeRawBufferPointer(text)
    var position = 0
    while position < text.count {
      // Eight ASCII characters at a time.
      if position + 8 <= text.count,
        raw.loadUnaligned(fromByteOffset: position, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
      {
        position += 8
        continue
      }
      let length = length(ofLead: text[position])
      guard length > 0, position + length <= text.count,
        isPrefix(text[position..<(position + length)])
      else { return position }
      position += length
    }
    return nil
  }

  /// How many bytes at the end of `bytes` are the beginning of a character that more bytes may
  /// complete: 0 to 3.
  static func incompleteTail(of bytes: [UInt8]) -> Int {
    for count in 1...3 where count <= bytes.count {
      let length = length(ofLead: bytes[bytes.count - count])
      if length > count, isPrefix(bytes[(bytes.count - count)...]) { return count }
    }
    return 0
  }

  /// The length of the character that `lead`, of valid text, begins.
  @inline(__always)
  static func length(ofValidLead lead: UInt8) -> Int {
    lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
  }

  /// The character at `place` of a valid text, and its length.
  @inline(__always)
  static func scalar(_ place: UnsafePointer<UInt8>) -> (Unicode.Scalar, length: Int) {
    func tail(_ offset: Int) -> UInt32 { UInt32(place[offset] & 0x3f) }
    let lead = UInt32(place[0])
    if lead < 0x80 { return (Unicode.Scalar(place[0]), 1) }
    let (value, length) =
      if lead < 0xe0 {
        ((lead & 0x1f) << 6 | tail(1), 2)
      } else if lead < 0xf0 {
        ((lead & 0x0f) << 12 | tail(1) << 6 | tail(2), 3)
      } else {
        ((lead & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3), 4)
      }
    return (Unicode.Scalar(value)!, length)
  }

  /// The character that ends right before `end`, which is not 0, of a valid text, and its length.
  static func scalar(
    in text: UnsafeBufferPointer<UInt8>, before end: Int
  ) -> (Unicode.Scalar, length: Int) {
    var start = end - 1
    while text[start] & 0xc0 == 0x80 { start -= 1 }
    return scalar(text.baseAddress! + start)
  }

  /// The first place from `start` on with a character that is no white space, or the end.
  static func skippingSpaces(in text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
    var position = start
    while position < text.count {
      let (scalar, length) = scalar(text.baseAddress! + position)
      guard scalar.properties.isWhitespace else { break }
      position += length
    }
    return position
  }

  /// Where the white space that ends right before `end` begins.
  static func spacesStart(in text: UnsafeBufferPointer<UInt8>, before end: Int) -> Int {
    var position = end
    while position > 0 {
      let (scalar, length) = scalar(in: text, before: position)
      guard scalar.properties.isWhitespace else { break }
      position -= length
    }
    return position
  }

  /// The length of the character that `lead` begins, or 0 where it begins none.
  private static func length(ofLead lead: UInt8) -> Int {
    switch lead {
    case 0x00...0x7f: 1
    case 0xc2...0xdf: 2
    case 0xe0...0xef: 3
    case 0xf0...0xf4: 4
    default: 0
    }
  }

  /// Whether `bytes`, of which the first is a lead, and no more than its length, begin a
  /// well-formed character.
  private static func isPrefix(_ bytes: some RandomAccessCollection<UInt8>) -> Bool {
    guard let lead = bytes.first, let second = bytes.dropFirst().first else { return true }
    // The second byte excludes overlong forms, surrogates, and what is beyond U+10FFFF.
    let range: ClosedRange<UInt8> =
      switch lead {
      case 0xe0: 0xa0...0xbf
      case 0xed: 0x80...0x9f
      case 0xf0: 0x90...0xbf
      case 0xf4: 0x80...0x8f
      default: 0x80...0xbf
      }
    return range.contains(second) && bytes.dropFirst(2).allSatisfy { (0x80...0xbf).contains($0) }
  }
}
