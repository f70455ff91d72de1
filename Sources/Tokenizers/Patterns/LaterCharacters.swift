/// The characters that Unicode 15 and 16 added or sort otherwise, for a PCRE2 whose tables are older.
/// The reference's expressions know them.
enum LaterCharacters {
  /// The later characters of a general category such as `L` or `Lu`, or of a script, as the inside of
  /// a set; empty where there are none.
  static func set(of name: String) -> String {
    if let ranges = scripts[name] { return set(ranges) }
    return set(
      categories.filter { $0.key == name || $0.key.prefix(1) == name }.sorted { $0.key < $1.key }
        .flatMap(\.value))
  }

  /// Those that are not of the category `C`, or all of them, which were unassigned before.
  static func set(exceptOf category: String?) -> String {
    set(
      categories.filter { category == nil || $0.key.prefix(1) != category! }
        .sorted { $0.key < $1.key }.flatMap(\.value))
  }

  private static func set(_ ranges: [ClosedRange<UInt32>]) -> String {
    ranges.map { range in
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

  private static let sortedRanges =
    (categories.values.flatMap(\.self) + [spacingMark...spacingMark]).sorted {
      $0.lowerBound < $1.lowerBound
    }
}
