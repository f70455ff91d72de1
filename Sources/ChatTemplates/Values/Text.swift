/// A Python string: code points, in UTF-8. Unlike with `String`, two texts are equal only if their
/// code points are, and positions and lengths count code points.
struct Text: Hashable, Sendable {
  let bytes: [UInt8]
  /// Whether a byte is a code point, which makes positions cheap.
  let isASCII: Bool

  static let empty = Text(ascii: [])

  /// - Parameter bytes: valid UTF-8.
  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    isASCII = bytes.allASCII
  }

  init(_ bytes: ArraySlice<UInt8>) { self.init(Array(bytes)) }

  init(_ string: String) { self.init(Array(string.utf8)) }

  /// - Parameter bytes: all of them below 128.
  init(ascii bytes: [UInt8]) {
    self.bytes = bytes
    isASCII = true
  }

  init(_ scalar: Unicode.Scalar) { self.init(Array(scalar.utf8)) }

  static func == (left: Text, right: Text) -> Bool { left.bytes == right.bytes }

  func hash(into hasher: inout Hasher) {
    bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
  }

  var string: String { String(decoding: bytes, as: UTF8.self) }

  var isEmpty: Bool { bytes.isEmpty }

  /// Code points.
  var count: Int {
    if isASCII { return bytes.count }
    return bytes.withUnsafeBufferPointer { buffer in
      var count = 0
      for byte in buffer where byte & 0xC0 != 0x80 { count &+= 1 }
      return count
    }
  }

  var scalars: String.UnicodeScalarView { string.unicodeScalars }

  /// The offset of the byte where code point number `index` begins; the number of bytes where there
  /// are fewer.
  func offset(of index: Int) -> Int {
    if isASCII { return min(max(index, 0), bytes.count) }
    return bytes.withUnsafeBufferPointer { buffer in
      var remaining = index
      for position in buffer.indices where buffer[position] & 0xC0 != 0x80 {
        if remaining <= 0 { return position }
        remaining &-= 1
      }
      return buffer.count
    }
  }

  /// How many code points there are before the byte at `offset`.
  func index(ofByte offset: Int) -> Int {
    isASCII ? offset : Text(bytes[..<offset]).count
  }

  /// The code points numbered `range`, which may reach beyond the end.
  func slice(_ range: Range<Int>) -> Text {
    let start = offset(of: range.lowerBound)
    let end = isASCII ? offset(of: range.upperBound) : endOffset(from: start, range.count)
    return Text(bytes[start..<max(start, end)])
  }

  private func endOffset(from start: Int, _ count: Int) -> Int {
    bytes.withUnsafeBufferPointer { buffer in
      var remaining = count
      var position = start
      while position < buffer.count {
        if buffer[position] & 0xC0 != 0x80 {
          if remaining == 0 { return position }
          remaining &-= 1
        }
        position &+= 1
      }
      return buffer.count
    }
  }

  /// Each code point as a text.
  var characters: [Text] {
    if isASCII { return bytes.map { Text(ascii: [$0]) } }
    return scalars.map { Text($0) }
  }

  static func + (left: Text, right: Text) -> Text {
    Text(joined: left.bytes + right.bytes, isASCII: left.isASCII && right.isASCII)
  }

  private init(joined bytes: [UInt8], isASCII: Bool) {
    self.bytes = bytes
    self.isASCII = isASCII
  }
}

extension Text: ExpressibleByStringLiteral {
  init(stringLiteral value: String) { self.init(value) }
}

extension [UInt8] {
  fileprivate var allASCII: Bool {
    withUnsafeBufferPointer { buffer in
      var union: UInt8 = 0
      for byte in buffer { union |= byte }
      return union < 0x80
    }
  }
}
