/// Expressions, from the loosest binding to the tightest.
extension Parser {
  /// An expression, or several with commas, which are a tuple.
  ///
  /// - Parameter isInParentheses: an empty tuple is allowed then.
  mutating func tupleOrExpression(
    allowsConditional: Bool = true, isInParentheses: Bool = false
  ) throws(Problem) -> Expression {
    let line = line
    func isAtEnd(_ parser: Parser) -> Bool {
      switch parser.current.kind {
      case .variableEnd, .blockEnd, .symbol(.rightParenthesis): true
      default: false
      }
    }
    var elements: [Expression] = []
    var isTuple = false
    while !isAtEnd(self) {
      elements.append(try expression(allowsConditional: allowsConditional))
      guard skip(.comma) else { break }
      isTuple = true
    }
    if !isTuple {
      if let element = elements.first { return element }
      guard isInParentheses else { throw unexpected("expected an expression") }
    }
    return try node(.tuple(elements), line: line, over: elements)
  }

  mutating func expression(allowsConditional: Bool = true) throws(Problem) -> Expression {
    try nested { (parser) throws(Problem) in
      allowsConditional ? try parser.conditional() : try parser.disjunction()
    }
  }

  private mutating func conditional() throws(Problem) -> Expression {
    var value = try disjunction()
    while isAt(word: "if") {
      let line = line
      take()
      let wasConditional = isConditional
      isConditional = true
      defer { isConditional = wasConditional }
      let test = try disjunction()
      var otherwise: Expression?
      if skip(word: "else") {
        otherwise = try nested { (parser) throws(Problem) in try parser.conditional() }
      }
      value = try node(
        .conditional(test: test, then: value, otherwise: otherwise), line: line,
        over: [test, value] + (otherwise.map { [$0] } ?? []))
    }
    return value
  }

  private mutating func disjunction() throws(Problem) -> Expression {
    var left = try conjunction()
    while isAt(word: "or") {
      let line = take().line
      let right = try conjunction()
      left = try node(.or(left, right), line: line, over: [left, right])
    }
    return left
  }

  private mutating func conjunction() throws(Problem) -> Expression {
    var left = try negation()
    while isAt(word: "and") {
      let line = take().line
      let right = try negation()
      left = try node(.and(left, right), line: line, over: [left, right])
    }
    return left
  }

  private mutating func negation() throws(Problem) -> Expression {
    guard isAt(word: "not") else { return try comparison() }
    let line = take().line
    let value = try nested { (parser) throws(Problem) in try parser.negation() }
    return try node(.not(value), line: line, over: [value])
  }

  private mutating func comparison() throws(Problem) -> Expression {
    let line = line
    let first = try sum()
    var rest: [(ComparisonOperator, Expression)] = []
    while let comparison = takeComparisonOperator() { rest.append((comparison, try sum())) }
    guard !rest.isEmpty else { return first }
    return try node(.comparison(first, rest), line: line, over: [first] + rest.map(\.1))
  }

  private mutating func takeComparisonOperator() -> ComparisonOperator? {
    switch current.kind {
    case .symbol(let symbol):
      guard let comparison = ComparisonOperator(rawValue: symbol.rawValue) else { return nil }
      take()
      return comparison
    case .name("in"):
      take()
      return .contained
    case .name("not") where next.kind == .name("in"):
      take()
      take()
      return .notContained
    default: return nil
    }
  }

  private mutating func sum() throws(Problem) -> Expression {
    var left = try concatenation()
    while isAt(.add) || isAt(.subtract) {
      let symbol = take()
      let right = try concatenation()
      left = try node(
        .arithmetic(symbol.kind == .symbol(.add) ? .add : .subtract, left, right),
        line: symbol.line, over: [left, right])
    }
    return left
  }

  private mutating func concatenation() throws(Problem) -> Expression {
    let line = line
    var parts = [try product()]
    while skip(.concatenate) { parts.append(try product()) }
    return parts.count == 1 ? parts[0] : try node(.concatenation(parts), line: line, over: parts)
  }

  private mutating func product() throws(Problem) -> Expression {
    var left = try power()
    while case .symbol(let symbol) = current.kind,
      [.multiply, .divide, .floorDivide, .modulo].contains(symbol),
      let operation = ArithmeticOperator(rawValue: symbol.rawValue)
    {
      let line = take().line
      let right = try power()
      left = try node(.arithmetic(operation, left, right), line: line, over: [left, right])
    }
    return left
  }

  private mutating func power() throws(Problem) -> Expression {
    var left = try unary()
    while isAt(.power) {
      let line = take().line
      let right = try unary()
      left = try node(.arithmetic(.power, left, right), line: line, over: [left, right])
    }
    return left
  }

  private mutating func unary(allowsFilters: Bool = true) throws(Problem) -> Expression {
    var value: Expression
    if isAt(.subtract) || isAt(.add) {
      let sign = take()
      let operand = try nested { (parser) throws(Problem) in
        try parser.unary(allowsFilters: false)
      }
      value = try node(
        sign.kind == .symbol(.subtract) ? .negative(operand) : .positive(operand),
        line: sign.line, over: [operand])
    } else {
      value = try primary()
    }
    value = try postfix(of: value)
    return allowsFilters ? try filtersAndTests(of: value) : value
  }
}
