/// Names, numbers and strings, as Jinja spells them.
extension Lexer {
  /// Takes a name if one stands here.
  mutating func lexName() throws(Problem) -> Bool {
    var end = position
    while end < source.count {
      let byte = source[end]
      if byte < 0x80 {
        guard Self.isNameByte(byte) else { break }
        end += 1
      } else {
        let length = PythonCharacters.length(byte)
        let part = source[end..<min(end + length, source.count)]
        guard
          let scalar = String(decoding: part, as: UTF8.self).unicodeScalars.first,
          scalar.properties.isXIDContinue
        else { break }
        end += length
      }
    }
    guard end > position else { return false }
    let name = String(decoding: source[position..<end], as: UTF8.self)
    guard let first = name.unicodeScalars.first, first == "_" || first.properties.isXIDStart else {
      throw Problem(.malformed, "'\(name)' is not a name")
    }
    append(.name(name))
    advance(to: end)
    return true
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  private func isDigit(_ place: Int) -> Bool {
    place < source.count && (0x30...0x39).contains(source[place])
  }

  /// The end of digits that single underscores may divide; `start` itself where there are none.
  private func digitsEnd(_ start: Int) -> Int {
    guard isDigit(start) else { return start }
    var end = start + 1
    while isDigit(end) || (end < source.count && source[end] == 0x5F && isDigit(end + 1)) {
      end += 1
    }
    return end
  }

  /// Takes a number if one stands here.
  mutating func lexNumber() throws(Problem) -> Bool {
    guard isDigit(position) else { return false }
    if let end = floatEnd() {
      let digits = literal(position..<end)
      guard let value = Double(digits) else {
        throw Problem(.malformed, "'\(digits)' is not a number")
      }
      append(.float(value))
      advance(to: end)
      return true
    }
    let (end, radix) = integerEnd()
    let digits = literal(position + (radix == 10 ? 0 : 2)..<end)
    guard let value = Int(digits, radix: radix) else {
      throw Problem(.limit, "the number \(digits.prefix(40)) has more than 64 bits")
    }
    append(.integer(value))
    advance(to: end)
    return true
  }

  private func literal(_ range: Range<Int>) -> String {
    String(decoding: source[range].filter { $0 != 0x5F }, as: UTF8.self)
  }

  /// The end of a number with a fraction or an exponent. After a dot there is none: in `x.0.1`
  /// both numbers are positions.
  private func floatEnd() -> Int? {
    guard position == 0 || source[position - 1] != UInt8(ascii: ".") else { return nil }
    let whole = digitsEnd(position)
    var end = whole
    if end < source.count, source[end] == UInt8(ascii: "."), isDigit(end + 1) {
      end = digitsEnd(end + 1)
    }
    if end < source.count, source[end] | 0x20 == UInt8(ascii: "e") {
      var digits = end + 1
      if digits < source.count, [UInt8(ascii: "+"), UInt8(ascii: "-")].contains(source[digits]) {
        digits += 1
      }
      if isDigit(digits) { end = digitsEnd(digits) }
    }
    return end > whole ? end : nil
  }

  private func integerEnd() -> (end: Int, radix: Int) {
    guard source[position] == UInt8(ascii: "0") else { return (digitsEnd(position), 10) }
    if position + 1 < source.count {
      let radix =
        switch source[position + 1] | 0x20 {
        case UInt8(ascii: "b"): 2
        case UInt8(ascii: "o"): 8
        case UInt8(ascii: "x"): 16
        default: 0
        }
      if radix > 0 {
        var end = position + 2
        while end < source.count {
          let digit = source[end] == 0x5F ? end + 1 : end
          guard digit < source.count,
            let value = Character(Unicode.Scalar(source[digit])).hexDigitValue, value < radix
          else { break }
          end = digit + 1
        }
        if end > position + 2 { return (end, radix) }
      }
    }
    // Zeros only: what follows is a number of its own.
    var end = position + 1
    while end < source.count,
      source[end] == 0x30
        || (source[end] == 0x5F && end + 1 < source.count && source[end + 1] == 0x30)
    { end += 1 }
    return (end, 10)
  }

  /// Takes the string that begins here.
  mutating func lexString(quote: UInt8) throws(Problem) {
    var end = position + 1
    while end < source.count, source[end] != quote {
      end += source[end] == UInt8(ascii: "\\") ? 2 : 1
    }
    guard end < source.count else { throw Problem(.malformed, "a string is not closed") }
    append(.string(Text(try Self.unescaped(source[(position + 1)..<end]))))
    advance(to: end + 1)
  }

  /// What Python's escapes stand for; one that Python does not know stays as it is.
  private static func unescaped(_ source: ArraySlice<UInt8>) throws(Problem) -> [UInt8] {
    guard source.contains(UInt8(ascii: "\\")) else { return Array(source) }
    var result: [UInt8] = []
    var rest = source
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\"), let escape = rest.popFirst() else {
        result.append(byte)
        continue
      }
      switch Unicode.Scalar(escape) {
      case "\n": break
      case "\\", "'", "\"": result.append(escape)
      case "a": result.append(0x07)
      case "b": result.append(0x08)
      case "f": result.append(0x0C)
      case "n": result.append(0x0A)
      case "r": result.append(0x0D)
      case "t": result.append(0x09)
      case "v": result.append(0x0B)
      case "x": result += try hexadecimal(&rest, digits: 2)
      case "u": result += try hexadecimal(&rest, digits: 4)
      case "U": result += try hexadecimal(&rest, digits: 8)
      case "N": throw Problem(.unsupported, "the escape '\\N{…}' is not supported")
      case "0"..."7":
        var value = UInt32(escape - 0x30)
        var digits = 1
        while digits < 3, let next = rest.first, (0x30...0x37).contains(next) {
          value = value * 8 + UInt32(next - 0x30)
          rest.removeFirst()
          digits += 1
        }
        result += Unicode.Scalar(value).map { Array($0.utf8) } ?? []
      default: result += [byte, escape]
      }
    }
    return result
  }

  private static func hexadecimal(
    _ rest: inout ArraySlice<UInt8>, digits: Int
  ) throws(Problem) -> [UInt8] {
    var value: UInt32 = 0
    for _ in 0..<digits {
      guard let byte = rest.popFirst(), byte < 0x80,
        let digit = Character(Unicode.Scalar(byte)).hexDigitValue
      else { throw Problem(.malformed, "an escape in a string has too few digits") }
      value = value << 4 | UInt32(digit)
    }
    guard let scalar = Unicode.Scalar(value) else {
      guard value < 0x11_0000 else {
        throw Problem(.malformed, "an escape in a string is beyond Unicode")
      }
      throw Problem(.unsupported, "an escape in a string is half of a surrogate pair")
    }
    return Array(scalar.utf8)
  }
}
