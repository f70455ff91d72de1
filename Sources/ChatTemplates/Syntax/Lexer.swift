/// Cuts a template into tokens: the text between tags with Jinja's white-space control, and what
/// stands inside tags.
struct Lexer {
  var source: [UInt8]
  var position = 0
  var line = 1
  var tokens: [Token] = []

  /// - Parameter line: where the lexer stands, for an error.
  static func tokens(of source: String, line: inout Int) throws(Problem) -> [Token] {
    var lexer = Lexer(source: normalized(source))
    defer { line = lexer.line }
    try lexer.run()
    return lexer.tokens
  }

  /// With all line ends as newlines, and without one at the end.
  static func normalized(_ source: String) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(source.utf8.count)
    var afterReturn = false
    for byte in source.utf8 {
      if byte == 0x0D {
        result.append(0x0A)
      } else if byte != 0x0A || !afterReturn {
        result.append(byte)
      }
      afterReturn = byte == 0x0D
    }
    if result.last == 0x0A { result.removeLast() }
    return result
  }

  private mutating func run() throws(Problem) {
    // Whether the text at hand begins a line, so that its leading blanks belong to a block.
    var startsLine = true
    while position < source.count {
      guard let (tag, place) = nextTag() else {
        append(data: source[position...])
        advance(to: source.count)
        break
      }
      var bodyStart = place + 2
      let sign = source.indices.contains(bodyStart) ? source[bodyStart] : 0
      let hasSign = sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+")
      if hasSign { bodyStart += 1 }
      let raw = tag == .block ? rawBodyStart(bodyStart) : nil
      let text = source[position..<place]
      append(
        data: strippedBeforeTag(
          text, sign: hasSign ? sign : nil, isVariable: tag == .variable, startsLine: startsLine))
      advance(to: place)
      if let raw {
        try lexRaw(from: raw)
      } else {
        switch tag {
        case .comment: try skipComment(from: bodyStart)
        case .block:
          append(.blockBegin)
          advance(to: bodyStart)
          try lexTag(closedBy: "%}", .blockEnd)
        case .variable:
          append(.variableBegin)
          advance(to: bodyStart)
          try lexTag(closedBy: "}}", .variableEnd)
        }
      }
      startsLine = source[position - 1] == UInt8(ascii: "\n")
    }
    append(.end)
  }

  // MARK: - Text between tags

  private enum Tag { case block, variable, comment }

  private func nextTag() -> (Tag, Int)? {
    var place = position
    while place + 1 < source.count {
      if source[place] == UInt8(ascii: "{") {
        switch source[place + 1] {
        case UInt8(ascii: "%"): return (.block, place)
        case UInt8(ascii: "{"): return (.variable, place)
        case UInt8(ascii: "#"): return (.comment, place)
        default: break
        }
      }
      place += 1
    }
    return nil
  }

  /// A minus strips all white space before a tag. A block or comment that stands first on its line
  /// takes the blanks before it along (`lstrip_blocks`), unless a plus keeps them.
  private func strippedBeforeTag(
    _ text: ArraySlice<UInt8>, sign: UInt8?, isVariable: Bool, startsLine: Bool
  ) -> ArraySlice<UInt8> {
    if sign == UInt8(ascii: "-") { return PythonCharacters.strippedEnd(text) }
    guard sign == nil, !isVariable else { return text }
    let lineStart = text.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 }
    guard lineStart != nil || startsLine else { return text }
    let start = lineStart ?? text.startIndex
    return PythonCharacters.strippedStart(text[start...]).isEmpty ? text[..<start] : text
  }

  private mutating func skipComment(from start: Int) throws(Problem) {
    guard start < source.count else { return advance(to: start) }
    guard let end = source.firstOffset(of: Array("#}".utf8), from: start) else {
      throw Problem(.malformed, "the comment is not closed by '#}'")
    }
    let sign = end > start ? source[end - 1] : 0
    advance(to: end + 2)
    finishTag(sign: sign)
  }

  /// What a tag's end takes along: all white space after a minus, nothing after a plus, else one
  /// newline (`trim_blocks`).
  private mutating func finishTag(sign: UInt8) {
    if sign == UInt8(ascii: "-") {
      advance(to: PythonCharacters.strippedStart(source[position...]).startIndex)
    } else if sign != UInt8(ascii: "+"), position < source.count,
      source[position] == UInt8(ascii: "\n")
    {
      advance(to: position + 1)
    }
  }

  /// Where the text after `{% raw %}` begins, if `start` is inside such a tag.
  private func rawBodyStart(_ start: Int) -> Int? {
    var place = skipSpace(from: start)
    guard source[place...].starts(with: "raw".utf8) else { return nil }
    place = skipSpace(from: place + 3)
    if source[place...].starts(with: "%}".utf8) { return place + 2 }
    guard source[place...].starts(with: "-%}".utf8) else { return nil }
    return skipSpace(from: place + 3)
  }

  private func skipSpace(from start: Int) -> Int {
    PythonCharacters.strippedStart(source[min(start, source.count)...]).startIndex
  }

  private mutating func lexRaw(from start: Int) throws(Problem) {
    let isAtLineStart = start > 0 && source[start - 1] == UInt8(ascii: "\n")
    guard start < source.count else { return advance(to: start) }
    var place = start
    while let begin = source.firstOffset(of: Array("{%".utf8), from: place) {
      place = begin + 2
      let sign = place < source.count ? source[place] : 0
      let hasSign = sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+")
      var end = skipSpace(from: place + (hasSign ? 1 : 0))
      guard source[end...].starts(with: "endraw".utf8) else { continue }
      end = skipSpace(from: end + 6)
      let endSign = end < source.count ? source[end] : 0
      if endSign == UInt8(ascii: "-") || endSign == UInt8(ascii: "+") { end += 1 }
      guard source[end...].starts(with: "%}".utf8) else { continue }
      let text = strippedBeforeTag(
        source[start..<begin], sign: hasSign ? sign : nil, isVariable: false,
        startsLine: isAtLineStart)
      append(data: text)
      advance(to: end + 2)
      finishTag(sign: endSign)
      return
    }
    throw Problem(.malformed, "'raw' is not closed by 'endraw'")
  }

  // MARK: - Bookkeeping

  /// Moves on, counting lines.
  mutating func advance(to end: Int) {
    source.withUnsafeBufferPointer { source in
      for place in position..<end where source[place] == 0x0A { line += 1 }
    }
    position = end
  }

  mutating func append(_ kind: Token.Kind) { tokens.append(Token(kind: kind, line: line)) }

  private mutating func append(data: ArraySlice<UInt8>) {
    guard !data.isEmpty else { return }
    append(.data(Text(data)))
  }

  // MARK: - Inside tags

  private mutating func lexTag(closedBy closing: String, _ end: Token.Kind) throws(Problem) {
    var open: [Token.Symbol] = []
    while position < source.count {
      if open.isEmpty {
        let sign = source[position]
        let isSigned =
          sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") && end == .blockEnd
        if source[(position + (isSigned ? 1 : 0))...].starts(with: closing.utf8) {
          append(end)
          advance(to: position + (isSigned ? 3 : 2))
          if end == .blockEnd || sign == UInt8(ascii: "-") { finishTag(sign: isSigned ? sign : 0) }
          return
        }
      }
      let space = PythonCharacters.strippedStart(source[position...]).startIndex
      if space > position {
        advance(to: space)
        continue
      }
      try lexToken(&open)
    }
  }

  private mutating func lexToken(_ open: inout [Token.Symbol]) throws(Problem) {
    let byte = source[position]
    if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") {
      try lexString(quote: byte)
    } else if !(try lexNumber()) {
      if !(try lexName()) { try lexSymbol(&open) }
    }
  }

  private mutating func lexSymbol(_ open: inout [Token.Symbol]) throws(Problem) {
    let two = String(decoding: source[position..<min(position + 2, source.count)], as: UTF8.self)
    let one = String(decoding: source[position..<position + 1], as: UTF8.self)
    guard let symbol = Token.Symbol(rawValue: two) ?? Token.Symbol(rawValue: one) else {
      let rest = String(decoding: source[position...].prefix(4), as: UTF8.self)
      throw Problem(
        .malformed, "unexpected character '\(rest.unicodeScalars.first ?? "?")' in a tag")
    }
    switch symbol {
    case .leftBrace, .leftBracket, .leftParenthesis: open.append(symbol)
    case .rightBrace, .rightBracket, .rightParenthesis:
      guard let opening = open.popLast() else {
        throw Problem(.malformed, "unexpected '\(symbol.rawValue)'")
      }
      let expected: Token.Symbol =
        switch opening {
        case .leftBrace: .rightBrace
        case .leftBracket: .rightBracket
        default: .rightParenthesis
        }
      guard symbol == expected else {
        throw Problem(
          .malformed, "unexpected '\(symbol.rawValue)', expected '\(expected.rawValue)'")
      }
    default: break
    }
    append(.symbol(symbol))
    advance(to: position + symbol.rawValue.utf8.count)
  }
}
