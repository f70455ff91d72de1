/// Which adjacent characters some merge could bring together in one token. Between all others a
/// word can be cut before it is merged, and the tokens are the same: so a whole text without
/// pre-tokenization becomes short words, most of which are known already.
///
/// Characters are told apart by their class only: each ASCII character and U+2581, with which
/// SentencePiece writes spaces, has its own; the others share 127 classes. A class that holds two
/// characters makes a cut rarer, never wrong.
struct JoinTable: Sendable {
  /// For left class · 256 + right class whether the two occur side by side in a merged token.
  private let joins = FixedBuffer<Bool>(repeating: false, count: 1 << 16)
  /// In a byte-level word each byte is a character, and its own class.
  let isByteLevel: Bool

  init(isByteLevel: Bool) {
    self.isByteLevel = isByteLevel
  }

  /// Notes a token that a merge makes. Its text is UTF-8, but for byte-level words.
  func insert(_ token: some Collection<UInt8>) {
    let bytes = Array(token)
    bytes.withUnsafeBufferPointer { bytes in
      guard let start = bytes.baseAddress, !bytes.isEmpty else { return }
      var place = start
      let end = start + bytes.count
      var left = nextClass(&place)
      while place < end {
        let right = nextClass(&place)
        joins[left << 8 | right] = true
        left = right
      }
    }
  }

  @inline(__always)
  func joins(_ left: Int, _ right: Int) -> Bool {
    joins[left << 8 | right]
  }

  /// The class of the character at `place`, which moves to the next one.
  @inline(__always)
  func nextClass(_ place: inout UnsafePointer<UInt8>) -> Int {
    let lead = place[0]
    if isByteLevel || lead < 0x80 {
      place += 1
      return Int(lead)
    }
    let code: UInt32
    if lead < 0xe0 {
      code = UInt32(lead) << 6 ^ UInt32(place[1])
      place += 2
    } else if lead < 0xf0 {
      if lead == 0xe2, place[1] == 0x96, place[2] == 0x81 {
        place += 3
        return 0x80
      }
      code = UInt32(lead) << 12 ^ UInt32(place[1]) << 6 ^ UInt32(place[2])
      place += 3
    } else {
      code = UInt32(place[1]) << 12 ^ UInt32(place[2]) << 6 ^ UInt32(place[3])
      place += 4
    }
    return 0x81 + Int(truncatingIfNeeded: (code &* 0x9e37_79b1) >> 16) % 0x7f
  }
}
