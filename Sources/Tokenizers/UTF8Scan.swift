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
