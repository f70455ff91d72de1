/// The characters that Unicode 15 and 16 added or sort otherwise, for a PCRE2 whose tables are older.
/// The reference's expressions know them.
package enum LaterCharacters {
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

  /// What kinds of them there are, by the first letters of their general categories.
  package struct Kinds: OptionSet, Sendable {
    package let rawValue: UInt8

    package static let letters = Kinds(rawValue: 1)
    package static let marks = Kinds(rawValue: 2)
    package static let numbers = Kinds(rawValue: 4)
    package static let punctuation = Kinds(rawValue: 8)
    package static let symbols = Kinds(rawValue: 16)
    package static let others = Kinds(rawValue: 32)
    package static let all: Kinds = [.letters, .marks, .numbers, .punctuation, .symbols, .others]

    /// Of the characters that `\p{name}` has or lacks for being later.
    init(named name: String) {
      guard name.unicodeScalars.count <= 2 else {
        self = LaterCharacters.scripts[name] == nil ? [] : .all
        return
      }
      switch name.first {
      case "L": self = .letters
      case "M": self = .marks
      case "N": self = .numbers
      case "P": self = .punctuation
      case "S": self = .symbols
      // What is assigned is not unassigned.
      case "C": self = name == "C" || name == "Cn" ? .all : .others
      default: self = []
      }
    }

    package init(rawValue: UInt8) { self.rawValue = rawValue }
  }

  /// The kinds of those that `text`, which is valid UTF-8, has.
  package static func kinds(in text: UnsafeBufferPointer<UInt8>) -> Kinds {
    var kinds: Kinds = []
    guard let start = text.baseAddress else { return kinds }
    var position = 0
    while position < text.count {
      // All of them have at least three bytes.
      let lead = text[position]
      if lead < 0xe0 {
        position += lead < 0x80 ? 1 : 2
        continue
      }
      let (scalar, length) = UTF8Scan.scalar(start + position)
      kinds.formUnion(kind(of: scalar.value))
      position += length
    }
    return kinds
  }

  private static func kind(of code: UInt32) -> Kinds {
    var range = sortedRanges[...]
    while let middle = range.indices.isEmpty ? nil : (range.startIndex + range.endIndex) / 2 {
      if code < range[middle].codes.lowerBound {
        range = range[..<middle]
      } else if code > range[middle].codes.upperBound {
        range = range[(middle + 1)...]
      } else {
        return range[middle].kind
      }
    }
    return []
  }

  private static let sortedRanges: [(codes: ClosedRange<UInt32>, kind: Kinds)] =
    (categories.flatMap { name, ranges in ranges.map { ($0, Kinds(named: name)) } }
    + [(spacingMark...spacingMark, .marks)]).sorted { $0.0.lowerBound < $1.0.lowerBound }
}
