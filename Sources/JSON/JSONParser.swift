/// Reads one JSON text (RFC 8259), strictly: UTF-8, no duplicate keys in an object, no lone
/// surrogates, no numbers beyond `Double`, no nesting deeper than 128 (so that no input overflows
/// the stack).
struct JSONParser {
  struct Failure: Error {
    /// The byte at which the text went wrong.
    let offset: Int
    let problem: String
  }

  static let deepestNesting = 128

  private let text: UnsafeRawBufferPointer
  private var position = 0
  private var depth = 0

  /// The value that the whole of `text` stands for. Throws `Failure`.
  static func parse(_ text: UnsafeRawBufferPointer) throws -> JSONValue {
    var parser = JSONParser(text: text)
    let value = try parser.value()
    parser.skipWhitespace()
    guard parser.position == text.count else {
      throw parser.failure("there is more text after the end of the value")
    }
    return value
  }

  private init(text: UnsafeRawBufferPointer) {
    self.text = text
  }

  private func failure(_ problem: String) -> Failure {
    Failure(offset: position, problem: problem)
  }

  private func failure(expected: String) -> Failure {
    guard let byte = peek() else { return failure("the text ends where \(expected) is expected") }
    let found =
      (0x21...0x7e).contains(byte)
      ? "'\(Character(UnicodeScalar(byte)))'" : "byte 0x\(String(byte, radix: 16))"
    return failure("\(expected) is expected, not \(found)")
  }

  private func peek() -> UInt8? {
    position < text.count ? text[position] : nil
  }

  /// Steps over `character` if it comes next.
  private mutating func skip(_ character: Unicode.Scalar) -> Bool {
    guard peek() == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func skipWhitespace() {
    while let byte = peek(), byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 {
      position += 1
    }
  }

  private mutating func value() throws -> JSONValue {
    skipWhitespace()
    switch peek() {
    case UInt8(ascii: "{"): return .object(try nested { try $0.object() })
    case UInt8(ascii: "["): return .array(try nested { try $0.array() })
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .boolean(true))
    case UInt8(ascii: "f"): return try word("false", .boolean(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), (UInt8(ascii: "0")...UInt8(ascii: "9"))?: return try number()
    default: throw failure(expected: "a value")
    }
  }

  private mutating func word(_ word: StaticString, _ value: JSONValue) throws -> JSONValue {
    let end = position + word.utf8CodeUnitCount
    guard end <= text.count,
      text[position..<end].elementsEqual(
        UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
    else { throw failure(expected: "a value") }
    position = end
    return value
  }

  private mutating func nested<Result>(
    _ body: (inout JSONParser) throws -> Result
  ) throws -> Result {
    guard depth < Self.deepestNesting else {
      throw failure("the nesting is deeper than \(Self.deepestNesting)")
    }
    depth += 1
    defer { depth -= 1 }
    position += 1
    return try body(&self)
  }

  private mutating func array() throws -> [JSONValue] {
    var values: [JSONValue] = []
    skipWhitespace()
    if skip("]") { return values }
    while true {
      values.append(try value())
      skipWhitespace()
      if skip("]") { return values }
      guard skip(",") else { throw failure(expected: "',' or ']'") }
    }
  }

  private mutating func object() throws -> JSONObject {
    var object = JSONObject()
    skipWhitespace()
    if skip("}") { return object }
    while true {
      skipWhitespace()
      guard peek() == UInt8(ascii: "\"") else { throw failure(expected: "a key in quotes") }
      let keyPosition = position
      let key = try string()
      skipWhitespace()
      guard skip(":") else { throw failure(expected: "':'") }
      guard object.append(key, try value()) else {
        throw Failure(offset: keyPosition, problem: "the key \"\(key)\" occurs twice")
      }
      skipWhitespace()
      if skip("}") { return object }
      guard skip(",") else { throw failure(expected: "',' or '}'") }
    }
  }

  private mutating func number() throws -> JSONValue {
    let start = position
    _ = skip("-")
    if !skip("0") { try digits() }
    var isInteger = true
    if skip(".") {
      isInteger = false
      try digits()
    }
    if skip("e") || skip("E") {
      isInteger = false
      if !skip("-") { _ = skip("+") }
      try digits()
    }
    let literal = String(decoding: text[start..<position], as: UTF8.self)
    if isInteger, let value = Int(literal) { return .integer(value) }
    if isInteger, let value = UInt64(literal) { return .unsigned(value) }
    guard let value = Double(literal), value.isFinite else {
      throw Failure(offset: start, problem: "a number is out of range")
    }
    return .number(value)
  }

  private mutating func digits() throws {
    let start = position
    while let byte = peek(), (0x30...0x39).contains(byte) { position += 1 }
    if position == start { throw failure(expected: "a digit") }
  }

  private mutating func string() throws -> String {
    let start = position
    position += 1
    let first = try part(of: start)
    if skip("\"") { return first }
    var result = first
    while true {
      guard skip("\\") else { throw failure(expected: "the end of a string") }
      result.unicodeScalars.append(try escaped())
      result += try part(of: start)
      if skip("\"") { return result }
    }
  }

  /// The characters up to the next quote, escape or control character of the string that begins at
  /// `start`.
  private mutating func part(of start: Int) throws -> String {
    let partStart = position
    var end = position
    while end < text.count, text[end] >= 0x20, text[end] != 0x22, text[end] != 0x5c { end += 1 }
    position = end
    let bytes = UnsafeRawBufferPointer(rebasing: text[partStart..<end])
    guard let part = String(validating: bytes, as: UTF8.self) else {
      throw Failure(offset: start, problem: "a string is not UTF-8")
    }
    return part
  }

  /// What the escape after a backslash stands for.
  private mutating func escaped() throws -> Unicode.Scalar {
    guard let byte = peek() else { throw failure(expected: "the rest of an escape") }
    let simple: Unicode.Scalar
    switch Unicode.Scalar(byte) {
    case "\"": simple = "\""
    case "\\": simple = "\\"
    case "/": simple = "/"
    case "b": simple = "\u{8}"
    case "f": simple = "\u{c}"
    case "n": simple = "\n"
    case "r": simple = "\r"
    case "t": simple = "\t"
    case "u":
      position += 1
      return try escapedCodePoint()
    default: throw failure("there is no escape of this character")
    }
    position += 1
    return simple
  }

  private mutating func escapedCodePoint() throws -> Unicode.Scalar {
    let start = position
    let unit = try fourHexDigits()
    if let scalar = Unicode.Scalar(unit) { return scalar }
    let lone = Failure(offset: start, problem: "an escape is half of a surrogate pair")
    guard UTF16.isLeadSurrogate(unit), skip("\\"), skip("u") else { throw lone }
    let trail = try fourHexDigits()
    guard UTF16.isTrailSurrogate(trail) else { throw lone }
    return UTF16.decode(UTF16.EncodedScalar([unit, trail]))
  }

  private mutating func fourHexDigits() throws -> UInt16 {
    var value: UInt16 = 0
    for _ in 0..<4 {
      guard let byte = peek(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw failure(expected: "a hexadecimal digit")
      }
      value = value << 4 | UInt16(digit)
      position += 1
    }
    return value
  }
}
