/// `tojson` as Transformers has it: Python's `json.dumps`, with nothing escaped for HTML.
extension Interpreter {
  func json(_ value: Value, _ arguments: Arguments) throws(Problem) -> Value {
    let bound = try arguments.bound(
      to: ["ensure_ascii", "indent", "separators", "sort_keys"], of: "tojson")
    var style = JSONStyle(isASCII: bound.flag(0), sortsKeys: bound.flag(3))
    switch bound[1] {
    case nil, .some(Value.none): break
    case .text(let text)?: style.indentation = text
    default: style.indentation = try repeated(" ", try bound.wholeNumber(1) ?? 0)
    }
    if style.indentation != nil { style.elementSeparator = "," }
    if let separators = bound[2], !separators.isNone {
      let texts = try elements(of: separators)
      guard texts.count == 2, case .text(let element) = texts[0], case .text(let key) = texts[1]
      else { throw Problem(.failed, "'separators' of 'tojson' must be two strings") }
      (style.elementSeparator, style.keySeparator) = (element, key)
    }
    var output: [UInt8] = []
    try write(value, style, level: 0, &output)
    return .text(Text(output))
  }

  private struct JSONStyle {
    var isASCII: Bool
    var sortsKeys: Bool
    /// Nil is everything on one line.
    var indentation: Text?
    var elementSeparator: Text = ", "
    var keySeparator: Text = ": "
  }

  private func write(
    _ value: Value, _ style: JSONStyle, level: Int, _ output: inout [UInt8]
  ) throws(Problem) {
    try allow(total: output.count)
    switch value {
    case .none: output += Array("null".utf8)
    case .boolean(let value): output += Array((value ? "true" : "false").utf8)
    case .integer(let value): output += Array("\(value)".utf8)
    case .float(let value): output += Array(Self.json(value).utf8)
    case .text(let text): try write(text, style, &output)
    case .sequence(let sequence) where sequence.kind == .list || sequence.isTuple:
      guard !sequence.items.isEmpty else {
        output += Array("[]".utf8)
        return
      }
      output.append(UInt8(ascii: "["))
      for (index, item) in sequence.items.enumerated() {
        try separate(index, style, level: level + 1, &output)
        try write(item, style, level: level + 1, &output)
      }
      try breakLine(style, level: level, &output)
      output.append(UInt8(ascii: "]"))
    case .dictionary(let dictionary):
      try write(dictionary, style, level: level, &output)
    default:
      throw Problem(.failed, "a value of type \(value.typeName) cannot be written as JSON")
    }
  }

  private func write(
    _ dictionary: DictionaryValue, _ style: JSONStyle, level: Int, _ output: inout [UInt8]
  ) throws(Problem) {
    guard dictionary.count > 0 else {
      output += Array("{}".utf8)
      return
    }
    output.append(UInt8(ascii: "{"))
    var entries = try pairs(dictionary)
    if style.sortsKeys {
      entries = try sorted(entries) { (entry) throws(Problem) in try item(.integer(0), of: entry) }
    }
    for (index, entry) in entries.enumerated() {
      try separate(index, style, level: level + 1, &output)
      let key = try item(.integer(0), of: entry)
      try write(try Self.jsonKey(key), style, &output)
      output += style.keySeparator.bytes
      try write(try item(.integer(1), of: entry), style, level: level + 1, &output)
    }
    try breakLine(style, level: level, &output)
    output.append(UInt8(ascii: "}"))
  }

  private func separate(
    _ index: Int, _ style: JSONStyle, level: Int, _ output: inout [UInt8]
  ) throws(Problem) {
    if index > 0 {
      try allow(total: output.count, adding: style.elementSeparator.bytes.count)
      output += style.elementSeparator.bytes
    }
    try breakLine(style, level: level, &output)
  }

  private func breakLine(
    _ style: JSONStyle, level: Int, _ output: inout [UInt8]
  ) throws(Problem) {
    guard let indentation = style.indentation else { return }
    try allow(total: output.count, adding: indentation.bytes.count * level)
    output.append(UInt8(ascii: "\n"))
    for _ in 0..<level { output += indentation.bytes }
  }

  private static func json(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
    return NumberText.representation(of: value)
  }

  private static func jsonKey(_ key: Value) throws(Problem) -> Text {
    switch key {
    case .text(let text): return text
    case .none: return "null"
    case .boolean(let value): return value ? "true" : "false"
    case .integer(let value): return Text("\(value)")
    case .float(let value): return Text(json(value))
    default:
      throw Problem(.failed, "a key of type \(key.typeName) cannot be written as JSON")
    }
  }

  private func write(
    _ text: Text, _ style: JSONStyle, _ output: inout [UInt8]
  ) throws(Problem) {
    try allow(total: output.count, adding: text.bytes.count)
    output.append(UInt8(ascii: "\""))
    if style.isASCII && !text.isASCII {
      for unit in text.string.utf16 {
        if unit < 0x80 {
          Self.writeEscaped(UInt8(unit), isASCII: true, &output)
        } else {
          output += Array("\\u\(PythonQuoting.hexadecimal(UInt32(unit), digits: 4))".utf8)
        }
      }
    } else {
      for byte in text.bytes { Self.writeEscaped(byte, isASCII: style.isASCII, &output) }
    }
    output.append(UInt8(ascii: "\""))
  }

  private static func writeEscaped(_ byte: UInt8, isASCII: Bool, _ output: inout [UInt8]) {
    let backslash = UInt8(ascii: "\\")
    switch byte {
    case UInt8(ascii: "\""), backslash: output += [backslash, byte]
    case 0x08: output += [backslash, UInt8(ascii: "b")]
    case 0x09: output += [backslash, UInt8(ascii: "t")]
    case 0x0A: output += [backslash, UInt8(ascii: "n")]
    case 0x0C: output += [backslash, UInt8(ascii: "f")]
    case 0x0D: output += [backslash, UInt8(ascii: "r")]
    case _ where byte < 0x20 || byte == 0x7F && isASCII:
      output += Array("\\u\(PythonQuoting.hexadecimal(UInt32(byte), digits: 4))".utf8)
    default: output.append(byte)
    }
  }
}
