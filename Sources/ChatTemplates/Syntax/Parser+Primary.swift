/// Literals, names, and what follows them: attributes, positions, calls, filters and tests.
extension Parser {
  mutating func primary() throws(Problem) -> Expression {
    let token = current
    func constant(_ value: Expression.Constant) throws(Problem) -> Expression {
      try node(.constant(value), line: token.line)
    }
    switch token.kind {
    case .name(let name):
      take()
      switch name {
      case "true", "True": return try constant(.boolean(true))
      case "false", "False": return try constant(.boolean(false))
      case "none", "None": return try constant(.none)
      default:
        namesUsed.insert(name)
        return try node(.name(name), line: token.line)
      }
    case .string(var text):
      take()
      while case .string(let more) = current.kind {
        text = text + more
        take()
      }
      return try constant(.text(text))
    case .integer(let value):
      take()
      return try constant(.integer(value))
    case .float(let value):
      take()
      return try constant(.float(value))
    case .symbol(.leftParenthesis):
      take()
      let value = try nested { (parser) throws(Problem) in
        try parser.tupleOrExpression(isInParentheses: true)
      }
      try expect(.symbol(.rightParenthesis))
      return value
    case .symbol(.leftBracket):
      take()
      var elements: [Expression] = []
      while !isAt(.rightBracket) {
        if !elements.isEmpty { try expect(.symbol(.comma)) }
        if isAt(.rightBracket) { break }
        elements.append(try expression())
      }
      take()
      return try node(.list(elements), line: token.line, over: elements)
    case .symbol(.leftBrace):
      take()
      var pairs: [(key: Expression, value: Expression)] = []
      while !isAt(.rightBrace) {
        if !pairs.isEmpty { try expect(.symbol(.comma)) }
        if isAt(.rightBrace) { break }
        let key = try expression()
        try expect(.symbol(.colon))
        pairs.append((key, try expression()))
      }
      take()
      return try node(
        .dictionary(pairs), line: token.line, over: pairs.flatMap { [$0.key, $0.value] })
    default: throw unexpected("expected an expression")
    }
  }

  /// Attributes, positions and calls.
  mutating func postfix(of operand: Expression) throws(Problem) -> Expression {
    var value = operand
    while true {
      let line = line
      if skip(.dot) {
        switch take().kind {
        case .name(let name):
          value = try node(.attribute(value, name), line: line, over: [value])
        case .integer(let index):
          let position = try node(.constant(.integer(index)), line: line)
          value = try node(.item(value, position), line: line, over: [value])
        default: throw Problem(.malformed, "expected a name or a number after '.'")
        }
      } else if skip(.leftBracket) {
        value = try subscripted(value, line)
      } else if isAt(.leftParenthesis) {
        value = try call(of: value)
      } else {
        return value
      }
    }
  }

  private mutating func subscripted(_ value: Expression, _ line: Int) throws(Problem) -> Expression
  {
    var positions: [Expression] = []
    while !isAt(.rightBracket) {
      if !positions.isEmpty { try expect(.symbol(.comma)) }
      let start = isAt(.colon) ? nil : try expression()
      if skip(.colon) {
        func isAtBound(_ parser: Parser) -> Bool {
          !parser.isAt(.colon) && !parser.isAt(.rightBracket) && !parser.isAt(.comma)
        }
        let stop = isAtBound(self) ? try expression() : nil
        let step = skip(.colon) && isAtBound(self) ? try expression() : nil
        guard positions.isEmpty, isAt(.rightBracket) else {
          throw Problem(.unsupported, "a slice among several positions is not supported")
        }
        take()
        return try node(
          .slice(value, start: start, stop: stop, step: step), line: line,
          over: [value] + [start, stop, step].compactMap { $0 })
      }
      if let start { positions.append(start) }
    }
    take()
    let position =
      positions.count == 1
      ? positions[0] : try node(.tuple(positions), line: line, over: positions)
    return try node(.item(value, position), line: line, over: [value, position])
  }

  private mutating func call(of function: Expression) throws(Problem) -> Expression {
    let line = line
    let arguments = try arguments()
    return try node(
      .call(function, arguments), line: line, over: [function] + arguments.expressions)
  }

  /// What stands in parentheses after a function, a filter or a test.
  mutating func arguments() throws(Problem) -> ArgumentList {
    try expect(.symbol(.leftParenthesis))
    var list = ArgumentList()
    var isFirst = true
    while !isAt(.rightParenthesis) {
      if !isFirst {
        try expect(.symbol(.comma))
        if isAt(.rightParenthesis) { break }
      }
      isFirst = false
      if skip(.multiply) {
        guard list.expanded == nil, list.expandedKeywords == nil else { throw Self.wrongOrder }
        list.expanded = try expression()
      } else if skip(.power) {
        guard list.expandedKeywords == nil else { throw Self.wrongOrder }
        list.expandedKeywords = try expression()
      } else if case .name(let name) = current.kind, next.kind == .symbol(.assign) {
        guard list.expandedKeywords == nil else { throw Self.wrongOrder }
        take()
        take()
        guard !list.keywords.contains(where: { $0.name == name }) else {
          throw Problem(.malformed, "the argument '\(name)' is given twice")
        }
        list.keywords.append((name, try expression()))
      } else {
        guard list.expanded == nil, list.expandedKeywords == nil, list.keywords.isEmpty else {
          throw Self.wrongOrder
        }
        list.positional.append(try expression())
      }
    }
    take()
    return list
  }

  private static let wrongOrder = Problem(
    .malformed, "the arguments of a call stand in an order that is not allowed")

  // MARK: - Filters and tests

  mutating func filtersAndTests(of operand: Expression) throws(Problem) -> Expression {
    var value = operand
    while true {
      if isAt(.pipe) {
        take()
        value = try filterName(of: value)
      } else if isAt(word: "is") {
        value = try test(of: value)
      } else if isAt(.leftParenthesis) {
        value = try call(of: value)
      } else {
        return value
      }
    }
  }

  /// Only filters, as they follow the name of a block.
  mutating func filters(of operand: Expression) throws(Problem) -> Expression {
    var value = operand
    while skip(.pipe) { value = try filterName(of: value) }
    return value
  }

  /// The filter whose name is at hand, applied to `value`.
  mutating func filterName(of value: Expression) throws(Problem) -> Expression {
    let line = line
    let name = try dottedName()
    let arguments = isAt(.leftParenthesis) ? try arguments() : .none
    guard let filter = Filter(rawValue: name) else {
      return try unknown("there is no filter '\(name)'", line: line)
    }
    return try node(
      .filter(value, filter, arguments), line: line, over: [value] + arguments.expressions)
  }

  private mutating func test(of value: Expression) throws(Problem) -> Expression {
    let line = take().line
    let isNegated = skip(word: "not")
    let name = try dottedName()
    var arguments = ArgumentList.none
    switch current.kind {
    case .symbol(.leftParenthesis): arguments = try self.arguments()
    case .name("else"), .name("or"), .name("and"): break
    case .name("is"): throw Problem(.malformed, "tests cannot follow each other with 'is'")
    case .name, .string, .integer, .float, .symbol(.leftBracket), .symbol(.leftBrace):
      let primary = try primary()
      arguments.positional = [try postfix(of: primary)]
    default: break
    }
    guard let test = ValueTest(rawValue: name) else {
      return try unknown("there is no test '\(name)'", line: line)
    }
    let result = try node(
      .test(value, test, arguments), line: line, over: [value] + arguments.expressions)
    return isNegated ? try node(.not(result), line: line, over: [result]) : result
  }

  private mutating func dottedName() throws(Problem) -> String {
    var name = try expectName()
    while skip(.dot) { name += "." + (try expectName()) }
    return name
  }

  private func unknown(_ sentence: String, line: Int) throws(Problem) -> Expression {
    guard isConditional else { throw Problem(.unsupported, sentence) }
    return try node(.unknown(sentence), line: line)
  }
}
