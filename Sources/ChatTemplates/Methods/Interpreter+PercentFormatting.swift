/// `'%s' % value` and the filter `format`.
extension Interpreter {
  /// The filter: arguments by place or by name.
  func formatted(_ format: Text, _ arguments: Arguments) throws(Problem) -> Text {
    guard arguments.keywords.isEmpty else {
      guard arguments.positional.isEmpty else {
        throw Problem(.failed, "'format' takes arguments by place or by name, not both")
      }
      let entries = arguments.keywords.map { (key: Value.string($0.name), value: $0.value) }
      return try percentFormatted(format, .dictionary(try DictionaryValue(entries)))
    }
    return try percentFormatted(
      format, .sequence(try SequenceValue(.tuple, arguments.positional)))
  }

  /// The operator: a tuple gives several values, a dictionary gives them by name.
  func percentFormatted(_ format: Text, _ value: Value) throws(Problem) -> Text {
    try allow(bytes: format.bytes.count)
    var values = [value][...]
    var named: DictionaryValue?
    var allowsRest = false
    switch value {
    case .sequence(let sequence) where sequence.isTuple: values = sequence.items[...]
    case .dictionary(let dictionary): (named, allowsRest) = (dictionary, true)
    // What has elements by key may be left over, in Python.
    case .sequence, .undefined: allowsRest = true
    default: break
    }
    func next() throws(Problem) -> Value {
      guard let value = values.popFirst() else {
        throw Problem(.failed, "there are fewer values than the format wants")
      }
      return value
    }
    var pieces: [Text] = []
    var rest = format.bytes[...]
    while let place = rest.firstIndex(of: UInt8(ascii: "%")) {
      pieces.append(Text(rest[rest.startIndex..<place]))
      rest = rest[(place + 1)...]
      var key: Text?
      if rest.first == UInt8(ascii: "(") {
        key = try Self.takeKey(&rest)
        guard named != nil else { throw Problem(.failed, "the format wants a dictionary") }
      }
      var specification = try takeSpecification(&rest, next)
      guard let letter = rest.popFirst() else {
        throw Problem(.failed, "a format ends before its letter")
      }
      if letter == UInt8(ascii: "%") {
        pieces.append("%")
        continue
      }
      let type = Character(Unicode.Scalar(letter))
      specification.type = type
      let argument: Value
      if let key {
        guard let element = try named?[.text(key)] else {
          throw Problem(.failed, "the dictionary has no '\(key.string)', which the format wants")
        }
        argument = element
      } else {
        argument = try next()
      }
      pieces.append(try converted(argument, specification, type))
      try step(bytes: pieces[pieces.count - 1].bytes.count)
    }
    guard values.isEmpty || allowsRest else {
      throw Problem(.failed, "there are more values than the format wants")
    }
    pieces.append(Text(rest))
    return try joined(pieces, separator: .empty)
  }

  private static func takeKey(_ rest: inout ArraySlice<UInt8>) throws(Problem) -> Text {
    var depth = 0
    for place in rest.indices {
      if rest[place] == UInt8(ascii: "(") { depth += 1 }
      if rest[place] == UInt8(ascii: ")") { depth -= 1 }
      guard depth == 0 else { continue }
      let key = Text(rest[(rest.startIndex + 1)..<place])
      rest = rest[(place + 1)...]
      return key
    }
    throw Problem(.failed, "a name in a format is not closed")
  }

  private func takeSpecification(
    _ rest: inout ArraySlice<UInt8>, _ next: () throws(Problem) -> Value
  ) throws(Problem) -> FormatSpecification {
    var specification = FormatSpecification()
    var fillsZeros = false
    flags: while let flag = rest.first {
      switch Unicode.Scalar(flag) {
      case "-": specification.alignment = .left
      case "+": specification.sign = "+"
      case " ": if specification.sign.isEmpty { specification.sign = " " }
      case "0": fillsZeros = true
      case "#": specification.isAlternate = true
      default: break flags
      }
      rest.removeFirst()
    }
    specification.width = try takeNumber(&rest, next) ?? 0
    if specification.width < 0 {
      specification.alignment = .left
      specification.width = -specification.width
    }
    if rest.first == UInt8(ascii: ".") {
      rest.removeFirst()
      specification.precision = max(try takeNumber(&rest, next) ?? 0, 0)
    }
    if fillsZeros, specification.alignment == nil {
      specification.fill = "0"
      specification.alignment = .afterSign
    }
    while let letter = rest.first, "hlL".utf8.contains(letter) { rest.removeFirst() }
    return specification
  }

  private func takeNumber(
    _ rest: inout ArraySlice<UInt8>, _ next: () throws(Problem) -> Value
  ) throws(Problem) -> Int? {
    var value: Int?
    if rest.first == UInt8(ascii: "*") {
      rest.removeFirst()
      guard let number = try next().wholeNumber else {
        throw Problem(.failed, "'*' in a format wants a whole number")
      }
      value = number
    } else {
      while let digit = rest.first, (0x30...0x39).contains(digit) {
        value = (value ?? 0) * 10 + Int(digit - 0x30)
        guard value ?? 0 < 1 << 32 else { break }
        rest.removeFirst()
      }
    }
    guard value.map({ $0.magnitude < 1 << 32 }) ?? true else {
      throw Problem(.limit, "the width of a format is too large")
    }
    return value
  }

  private func converted(
    _ value: Value, _ specification: FormatSpecification, _ type: Character
  ) throws(Problem) -> Text {
    switch type {
    case "s", "r":
      var text = type == "s" ? try text(of: value) : try representation(of: value)
      if let precision = specification.precision { text = text.slice(0..<precision) }
      return try padded(sign: "", text, withoutZeros(specification), standard: .right)
    case "c":
      if let code = value.wholeNumber {
        guard let scalar = UInt32(exactly: code).flatMap(Unicode.Scalar.init) else {
          throw Problem(.failed, "'%c' wants a code point")
        }
        return try padded(
          sign: "", Text(scalar), withoutZeros(specification), standard: .right)
      }
      guard case .text(let text) = value, text.count == 1 else {
        throw Problem(.failed, "'%c' wants one character")
      }
      return try padded(sign: "", text, withoutZeros(specification), standard: .right)
    case "d", "i", "u", "x", "X", "o":
      var number = value.wholeNumber
      if number == nil, case .float(let float) = value, !("xXo".contains(type)) {
        number = Int(exactly: float.rounded(.towardZero))
      }
      guard let number else { throw wrong(value, type) }
      guard specification.precision == nil else {
        throw Problem(.unsupported, "a precision of a whole number is not supported")
      }
      return try formatted(number, specification, "xXo".contains(type) ? type : "d")
    case "e", "E", "f", "F", "g", "G":
      guard let number = value.number else { throw wrong(value, type) }
      guard !specification.isAlternate else {
        throw Problem(.unsupported, "'#' before '\(type)' is not supported")
      }
      return try formatted(number, specification, type)
    case "a": throw Problem(.unsupported, "'%a' is not supported")
    default: throw Problem(.failed, "there is no format '%\(type)'")
    }
  }

  /// Zeros fill numbers only.
  private func withoutZeros(_ specification: FormatSpecification) -> FormatSpecification {
    var specification = specification
    specification.fill = " "
    if specification.alignment == .afterSign { specification.alignment = .right }
    return specification
  }

  private func wrong(_ value: Value, _ type: Character) -> Problem {
    if case .undefined(let undefined) = value { return Problem(.failed, undefined.sentence) }
    return Problem(
      .failed, "'%\(type)' wants a number, it is given a value of type \(value.typeName)")
  }
}
