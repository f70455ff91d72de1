/// What Python takes for white space and for line ends, in UTF-8.
enum PythonCharacters {
  /// Bytes of the code point that begins with `byte`.
  static func length(_ byte: UInt8) -> Int {
    byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
  }

  /// Bytes of the white space at the beginning of `bytes`; 0 if there is none.
  static func spaceLength(atStartOf bytes: ArraySlice<UInt8>) -> Int {
    guard let first = bytes.first else { return 0 }
    if first < 0x80 {
      return first == 0x20 || (0x09...0x0D).contains(first) || (0x1C...0x1F).contains(first) ? 1 : 0
    }
    let start = bytes.startIndex
    switch (first, bytes.count) {
    case (0xC2, 2...): return [0x85, 0xA0].contains(bytes[start + 1]) ? 2 : 0
    case (0xE1, 3...): return bytes[start + 1] == 0x9A && bytes[start + 2] == 0x80 ? 3 : 0
    case (0xE2, 3...):
      let last = bytes[start + 2]
      if bytes[start + 1] == 0x80 {
        return (0x80...0x8A).contains(last) || [0xA8, 0xA9, 0xAF].contains(last) ? 3 : 0
      }
      return bytes[start + 1] == 0x81 && last == 0x9F ? 3 : 0
    case (0xE3, 3...): return bytes[start + 1] == 0x80 && bytes[start + 2] == 0x80 ? 3 : 0
    default: return 0
    }
  }

  /// Whether white space begins `offset` bytes after the beginning of `bytes`.
  static func isSpace(_ bytes: ArraySlice<UInt8>, at offset: Int) -> Bool {
    spaceLength(atStartOf: bytes[(bytes.startIndex + offset)...]) > 0
  }

  /// Bytes of the white space that ends before `end`; 0 if there is none.
  static func spaceLength(before end: Int, in bytes: ArraySlice<UInt8>) -> Int {
    for length in 1...3 where end - length >= bytes.startIndex {
      if spaceLength(atStartOf: bytes[(end - length)..<end]) == length { return length }
    }
    return 0
  }

  static func strippedStart(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var rest = bytes
    while case let length = spaceLength(atStartOf: rest), length > 0 {
      rest = rest.dropFirst(length)
    }
    return rest
  }

  static func strippedEnd(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var rest = bytes
    while case let length = spaceLength(before: rest.endIndex, in: rest), length > 0 {
      rest = rest.dropLast(length)
    }
    return rest
  }

  /// Bytes of the line end at `position`; 0 if there is none.
  static func lineEndLength(at position: Int, in bytes: [UInt8]) -> Int {
    func byte(_ offset: Int) -> UInt8 {
      position + offset < bytes.count ? bytes[position + offset] : 0
    }
    switch bytes[position] {
    case 0x0D: return byte(1) == 0x0A ? 2 : 1
    case 0x0A...0x0C, 0x1C...0x1E: return 1
    case 0xC2: return byte(1) == 0x85 ? 2 : 0
    case 0xE2: return byte(1) == 0x80 && [0xA8, 0xA9].contains(byte(2)) ? 3 : 0
    default: return 0
    }
  }
}
