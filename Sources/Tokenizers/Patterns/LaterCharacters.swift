/// The characters of Unicode 15 and 16 by general category, for a PCRE2 whose tables are older. The
/// reference's expressions know them.
enum LaterCharacters {
  /// The general categories of letters, marks and numbers; the kinds of marks are not told apart.
  private static let ranges: [String: [ClosedRange<UInt32>]] = [
    "Lu": [
      0x1c89...0x1c89, 0xa7cb...0xa7cc, 0xa7da...0xa7da, 0xa7dc...0xa7dc, 0x10d50...0x10d65,
    ],
    "Ll": [
      0x1c8a...0x1c8a, 0xa7cd...0xa7cd, 0xa7db...0xa7db, 0x10d70...0x10d85, 0x1df25...0x1df2a,
    ],
    "Lm": [
      0x10d4e...0x10d4e, 0x10d6f...0x10d6f, 0x16d40...0x16d42, 0x16d6b...0x16d6c,
      0x1e030...0x1e06d, 0x1e4eb...0x1e4eb,
    ],
    "Lo": [
      0x105c0...0x105f3, 0x10d4a...0x10d4d, 0x10d4f...0x10d4f, 0x10ec2...0x10ec4,
      0x1123f...0x11240, 0x11380...0x11389, 0x1138b...0x1138b, 0x1138e...0x1138e,
      0x11390...0x113b5, 0x113b7...0x113b7, 0x113d1...0x113d1, 0x113d3...0x113d3,
      0x11bc0...0x11be0, 0x11f02...0x11f02, 0x11f04...0x11f10, 0x11f12...0x11f33,
      0x1342f...0x1342f, 0x13441...0x13446, 0x13460...0x143fa, 0x16100...0x1611d,
      0x16d43...0x16d6a, 0x18cff...0x18cff, 0x1b132...0x1b132, 0x1b155...0x1b155,
      0x1e4d0...0x1e4ea, 0x1e5d0...0x1e5ed, 0x1e5f0...0x1e5f0, 0x2b739...0x2b739,
      0x2ebf0...0x2ee5d, 0x31350...0x323af,
    ],
    "M": [
      0x897...0x897, 0xcf3...0xcf3, 0xece...0xece, 0x10d69...0x10d6d, 0x10efc...0x10eff,
      0x11241...0x11241, 0x113b8...0x113c0, 0x113c2...0x113c2, 0x113c5...0x113c5,
      0x113c7...0x113ca, 0x113cc...0x113d0, 0x113d2...0x113d2, 0x113e1...0x113e2,
      0x11f00...0x11f01, 0x11f03...0x11f03, 0x11f34...0x11f3a, 0x11f3e...0x11f42,
      0x11f5a...0x11f5a, 0x13440...0x13440, 0x13447...0x13455, 0x1611e...0x1612f,
      0x1e08f...0x1e08f, 0x1e4ec...0x1e4ef, 0x1e5ee...0x1e5ef,
    ],
    "Nd": [
      0x10d40...0x10d49, 0x116d0...0x116e3, 0x11bf0...0x11bf9, 0x11f50...0x11f59,
      0x16130...0x16139, 0x16d70...0x16d79, 0x1ccf0...0x1ccf9, 0x1e4f0...0x1e4f9,
      0x1e5f1...0x1e5fa,
    ],
    "No": [
      0x1d2c0...0x1d2d3
    ],
  ]

  /// The later characters of a general category such as `L` or `Lu`, as the inside of a set; empty
  /// where there are none.
  static func set(ofCategory name: String) -> String {
    ranges.filter { $0.key == name || $0.key.prefix(1) == name }.sorted { $0.key < $1.key }
      .flatMap(\.value).map { range in
        let first = String(range.lowerBound, radix: 16)
        let last = String(range.upperBound, radix: 16)
        return first == last ? "\\x{\(first)}" : "\\x{\(first)}-\\x{\(last)}"
      }.joined()
  }

  /// Whether `text`, which is valid UTF-8, has any of them.
  static func isAny(in text: UnsafeBufferPointer<UInt8>) -> Bool {
    guard let start = text.baseAddress else { return false }
    var position = 0
    while position < text.count {
      // All of them have at least three bytes.
      let lead = text[position]
      if lead < 0xe0 {
        position += lead < 0x80 ? 1 : 2
        continue
      }
      let (scalar, length) = UTF8Scan.scalar(start + position)
      if isLater(scalar.value) { return true }
      position += length
    }
    return false
  }

  private static func isLater(_ code: UInt32) -> Bool {
    var range = sortedRanges[...]
    while let middle = range.indices.isEmpty ? nil : (range.startIndex + range.endIndex) / 2 {
      if code < range[middle].lowerBound {
        range = range[..<middle]
      } else if code > range[middle].upperBound {
        range = range[(middle + 1)...]
      } else {
        return true
      }
    }
    return false
  }

  private static let sortedRanges = ranges.values.flatMap(\.self).sorted {
    $0.lowerBound < $1.lowerBound
  }
}
