/// Filters over one text. Most take any value and begin with what is written for it.
extension Interpreter {
  func applyToText(
    _ filter: Filter, _ value: Value, _ arguments: Arguments
  ) throws(Problem) -> Value {
    let name = filter.rawValue
    if filter == .truncate { return try truncated(value, arguments) }
    if filter == .indent { return try indented(value, arguments) }
    if filter == .urlencode { return try urlEncoded(value, arguments) }
    let text = try text(of: value)
    try allow(bytes: text.bytes.count)
    switch filter {
    case .format: return .text(try formatted(text, arguments))
    case .center:
      let bound = try arguments.bound(to: ["width"], of: name)
      return .text(try centered(text, width: try bound.wholeNumber(0) ?? 80, fill: " "))
    case .replace:
      let bound = try arguments.bound(to: ["old", "new", "count"], required: 2, of: name)
      return .text(
        try replaced(
          text, try self.text(of: bound[0] ?? .none), by: try self.text(of: bound[1] ?? .none),
          limit: noneAsNil(bound[2]) == nil ? -1 : try bound.wholeNumber(2) ?? -1))
    case .trim:
      let bound = try arguments.bound(to: ["chars"], of: name)
      return .text(text.stripped(of: try bound.textOrNone(0)))
    default: break
    }
    try arguments.expectNone(of: name)
    switch filter {
    case .capitalize: return .text(text.capitalized)
    case .lower: return .text(text.lowercased)
    case .upper: return .text(text.uppercased)
    case .title: return .text(Self.titled(text))
    case .e, .escape, .forceescape:
      return .text(try escaped(text))
    case .wordcount: return .integer(Self.wordCount(text))
    default: return .text(text)
    }
  }

  private func noneAsNil(_ value: Value?) -> Value? {
    if case .some(Value.none) = value { nil } else { value }
  }

  /// All places of `old`, or the first `limit` where that is not negative, replaced.
  func replaced(
    _ text: Text, _ old: Text, by new: Text, limit: Int
  ) throws(Problem) -> Text {
    try step(bytes: text.bytes.count)
    let places = min(text.occurrences(of: old), limit < 0 ? .max : limit)
    try allow(bytes: new.bytes.count, times: places)
    try allow(bytes: text.bytes.count + new.bytes.count * places)
    if old.isEmpty { try step(elements: text.count) }
    return text.replacing(old, by: new, limit: limit < 0 ? .max : limit)
  }

  /// With blanks, or `fill`, on both sides up to a width.
  func centered(_ text: Text, width: Int, fill: Text) throws(Problem) -> Text {
    let missing = width.subtractingReportingOverflow(text.count)
    guard !missing.overflow, missing.partialValue > 0 else { return text }
    let padding = missing.partialValue
    let left = padding / 2 + (padding & width & 1)
    return try repeated(fill, left) + text + repeated(fill, padding - left)
  }

  private func escaped(_ text: Text) throws(Problem) -> Text {
    try allow(bytes: text.bytes.count, times: 5)
    var bytes: [UInt8] = []
    for byte in text.bytes {
      switch Unicode.Scalar(byte) {
      case "&": bytes += Array("&amp;".utf8)
      case "<": bytes += Array("&lt;".utf8)
      case ">": bytes += Array("&gt;".utf8)
      case "'": bytes += Array("&#39;".utf8)
      case "\"": bytes += Array("&#34;".utf8)
      default: bytes.append(byte)
      }
    }
    return Text(bytes)
  }

  /// Words begin after white space, a hyphen or an opening bracket.
  private static func titled(_ text: Text) -> Text {
    var result = Text.empty.bytes
    var word: [Unicode.Scalar] = []
    func flush() {
      guard let first = word.first else { return }
      var rest = String.UnicodeScalarView()
      rest.append(contentsOf: word.dropFirst())
      result += Array(first.properties.uppercaseMapping.utf8)
      result += Text(String(rest)).lowercased.bytes
      word = []
    }
    for scalar in text.scalars {
      let bytes = Array(scalar.utf8)
      if "-({[<".unicodeScalars.contains(scalar)
        || PythonCharacters.spaceLength(atStartOf: bytes[...]) > 0
      {
        flush()
        result += bytes
      } else {
        word.append(scalar)
      }
    }
    flush()
    return Text(result)
  }

  private static func wordCount(_ text: Text) -> Int {
    var count = 0
    var isInWord = false
    for scalar in text.scalars {
      let belongs = scalar == "_" || scalar.isAlphanumeric
      if belongs && !isInWord { count += 1 }
      isInWord = belongs
    }
    return count
  }

  private func indented(_ value: Value, _ arguments: Arguments) throws(Problem) -> Value {
    let bound = try arguments.bound(to: ["width", "first", "blank"], of: "indent")
    guard case .text(let text) = value else {
      throw Problem(.failed, "'indent' expects a string, not a value of type \(value.typeName)")
    }
    let indentation: Text
    if case .text(let given)? = bound[0] {
      indentation = given
    } else {
      indentation = try repeated(" ", try bound.wholeNumber(0) ?? 4)
    }
    let lines = (text + "\n").lines(keepingEnds: false)
    try step(elements: lines.count)
    var pieces: [Text] = []
    for (index, line) in lines.enumerated() {
      if index > 0 { pieces.append("\n") }
      let isIndented = index == 0 ? bound.flag(1) : bound.flag(2) || !line.isEmpty
      if isIndented { pieces.append(indentation) }
      pieces.append(line)
    }
    return .text(try joined(pieces, separator: .empty))
  }

  private func truncated(_ value: Value, _ arguments: Arguments) throws(Problem) -> Value {
    let bound = try arguments.bound(
      to: ["length", "killwords", "end", "leeway"], of: "truncate")
    guard case .text(let text) = value else {
      throw Problem(.failed, "'truncate' expects a string, not a value of type \(value.typeName)")
    }
    let length = try bound.wholeNumber(0) ?? 255
    let end = try bound.text(2) ?? "..."
    let leeway = noneAsNil(bound[3]) == nil ? 5 : try bound.wholeNumber(3) ?? 5
    guard length >= end.count, leeway >= 0 else {
      throw Problem(.failed, "'truncate' expects a length of at least the end's, and a leeway")
    }
    try step(bytes: text.bytes.count)
    let limit = length.addingReportingOverflow(leeway)
    guard !limit.overflow, text.count > limit.partialValue else { return .text(text) }
    let head = text.slice(0..<length - end.count)
    if bound.flag(1) { return .text(head + end) }
    return .text(head.splitFromEnd(by: " ", limit: 1)[0] + end)
  }

  private func urlEncoded(_ value: Value, _ arguments: Arguments) throws(Problem) -> Value {
    try arguments.expectNone(of: "urlencode")
    let pairs: [Value]
    switch value {
    case .dictionary(let dictionary):
      var items: [Value] = []
      for (key, value) in dictionary.pairs {
        items.append(.sequence(try SequenceValue(.tuple, [key, value])))
      }
      pairs = items
    case .sequence, .generator: pairs = try elements(of: value)
    default: return .text(try quoted(try text(of: value), keeping: "/", spaceAsPlus: false))
    }
    var parts: [Text] = []
    for pair in pairs {
      let halves = try elements(of: pair)
      guard halves.count == 2 else { throw Problem(.failed, "'urlencode' expects pairs") }
      var sides: [Text] = []
      for half in halves {
        sides.append(try quoted(try text(of: half), keeping: "", spaceAsPlus: true))
      }
      parts.append(sides[0] + "=" + sides[1])
    }
    return .text(try joined(parts, separator: "&"))
  }

  private func quoted(
    _ text: Text, keeping kept: Text, spaceAsPlus: Bool
  ) throws(Problem) -> Text {
    try allow(bytes: text.bytes.count, times: 3)
    var bytes: [UInt8] = []
    for byte in text.bytes {
      let scalar = Unicode.Scalar(byte)
      if scalar.isASCII && scalar.isAlphanumeric || "_.-~".unicodeScalars.contains(scalar)
        || kept.bytes.contains(byte)
      {
        bytes.append(byte)
      } else if byte == 0x20 && spaceAsPlus {
        bytes.append(UInt8(ascii: "+"))
      } else {
        let digits = PythonQuoting.hexadecimal(UInt32(byte), digits: 2).uppercased()
        bytes += Array("%\(digits)".utf8)
      }
    }
    return Text(ascii: bytes)
  }
}

extension Unicode.Scalar {
  /// A letter or a number, as Python's `isalnum()` has it.
  var isAlphanumeric: Bool { isLetter || properties.numericType != nil }

  var isLetter: Bool {
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: false
    }
  }
}
