extension Interpreter {
  /// The value of an expression. Each kind has a function of its own, so that what recursion takes
  /// of the stack stays small.
  func evaluate(_ expression: Expression, _ scope: Scope) throws(Problem) -> Value {
    try step()
    line = expression.line
    return try nested { () throws(Problem) in try evaluateKind(of: expression, scope) }
  }

  private func evaluateKind(of expression: Expression, _ scope: Scope) throws(Problem) -> Value {
    switch expression.kind {
    case .constant(let constant): Value(constant)
    case .name(let name): try lookUp(name, scope)
    case .list(let elements):
      .sequence(try SequenceValue(.list, try evaluate(elements, scope)))
    case .tuple(let elements):
      .sequence(try SequenceValue(.tuple, try evaluate(elements, scope)))
    case .dictionary(let pairs): try dictionary(pairs, scope)
    case .attribute(let value, let name):
      try attribute(name, of: try evaluate(value, scope), at: expression.line)
    case .item(let value, let key): try item(value, key, expression.line, scope)
    case .slice(let value, let start, let stop, let step):
      try slice(value, [start, stop, step], expression.line, scope)
    case .call(let function, let arguments):
      try call(function, arguments, expression.line, scope)
    case .filter(let value, let filter, let arguments):
      try filtered(value, filter, arguments, expression.line, scope)
    case .test(let value, let test, let arguments):
      try tested(value, test, arguments, expression.line, scope)
    case .unknown(let sentence): throw Problem(.unsupported, sentence)
    case .not(let value): .boolean(!(try evaluate(value, scope).isTrue))
    case .negative(let value): try negated(try evaluate(value, scope))
    case .positive(let value): try unchanged(try evaluate(value, scope))
    case .arithmetic(let operation, let left, let right):
      try arithmetic(operation, left, right, expression.line, scope)
    case .concatenation(let parts): try concatenation(parts, scope)
    case .comparison(let first, let rest): try comparison(first, rest, expression.line, scope)
    case .and(let left, let right): try conjunction(left, right, scope)
    case .or(let left, let right): try disjunction(left, right, scope)
    case .conditional(let test, let then, let otherwise):
      try conditional(test, then, otherwise, scope)
    case .blockText: .text(blockText)
    }
  }

  private func evaluate(_ expressions: [Expression], _ scope: Scope) throws(Problem) -> [Value] {
    var values: [Value] = []
    values.reserveCapacity(expressions.count)
    for expression in expressions { values.append(try evaluate(expression, scope)) }
    return values
  }

  private func lookUp(_ name: String, _ scope: Scope) throws(Problem) -> Value {
    if let value = scope.lookUp(name) { return value }
    if let function = GlobalFunction(rawValue: name) { return .function(function) }
    if GlobalFunction.unsupported.contains(name) {
      throw Problem(.unsupported, "the function '\(name)' is not supported")
    }
    return .undefined(.variable(name))
  }

  private func dictionary(
    _ pairs: [(key: Expression, value: Expression)], _ scope: Scope
  ) throws(Problem) -> Value {
    var entries: [(key: Value, value: Value)] = []
    for (key, value) in pairs {
      entries.append((try evaluate(key, scope), try evaluate(value, scope)))
    }
    return .dictionary(try DictionaryValue(entries))
  }

  private func item(
    _ value: Expression, _ key: Expression, _ line: Int, _ scope: Scope
  ) throws(Problem) -> Value {
    let receiver = try evaluate(value, scope)
    let key = try evaluate(key, scope)
    self.line = line
    return try item(key, of: receiver)
  }

  private func attribute(
    _ name: String, of value: Value, at line: Int
  ) throws(Problem) -> Value {
    self.line = line
    return try attribute(name, of: value)
  }

  private func slice(
    _ value: Expression, _ bounds: [Expression?], _ line: Int, _ scope: Scope
  ) throws(Problem) -> Value {
    let receiver = try evaluate(value, scope)
    var values: [Value] = []
    for bound in bounds {
      values.append(
        try bound.map { (bound) throws(Problem) in try evaluate(bound, scope) } ?? .none)
    }
    self.line = line
    return try slice(of: receiver, start: values[0], stop: values[1], step: values[2])
  }

  private func call(
    _ function: Expression, _ list: ArgumentList, _ line: Int, _ scope: Scope
  ) throws(Problem) -> Value {
    let callee = try evaluate(function, scope)
    let arguments = try evaluate(list, scope)
    self.line = line
    return try call(callee, arguments)
  }

  private func filtered(
    _ value: Expression, _ filter: Filter, _ list: ArgumentList, _ line: Int, _ scope: Scope
  ) throws(Problem) -> Value {
    let value = try evaluate(value, scope)
    let arguments = try evaluate(list, scope)
    self.line = line
    return try apply(filter, to: value, arguments)
  }

  private func tested(
    _ value: Expression, _ test: ValueTest, _ list: ArgumentList, _ line: Int, _ scope: Scope
  ) throws(Problem) -> Value {
    let value = try evaluate(value, scope)
    let arguments = try evaluate(list, scope)
    self.line = line
    return .boolean(try passes(test, value, arguments))
  }

  private func arithmetic(
    _ operation: ArithmeticOperator, _ left: Expression, _ right: Expression, _ line: Int,
    _ scope: Scope
  ) throws(Problem) -> Value {
    let left = try evaluate(left, scope)
    let right = try evaluate(right, scope)
    self.line = line
    return try calculate(operation, left, right)
  }

  private func concatenation(_ parts: [Expression], _ scope: Scope) throws(Problem) -> Value {
    var texts: [Text] = []
    for part in parts { texts.append(try text(of: try evaluate(part, scope))) }
    return .text(try joined(texts, separator: .empty))
  }

  private func comparison(
    _ first: Expression, _ rest: [(ComparisonOperator, Expression)], _ line: Int, _ scope: Scope
  ) throws(Problem) -> Value {
    var left = try evaluate(first, scope)
    for (operation, expression) in rest {
      let right = try evaluate(expression, scope)
      self.line = line
      guard try compare(left, operation, right) else { return .boolean(false) }
      left = right
    }
    return .boolean(true)
  }

  private func conjunction(
    _ left: Expression, _ right: Expression, _ scope: Scope
  ) throws(Problem) -> Value {
    let value = try evaluate(left, scope)
    return value.isTrue ? try evaluate(right, scope) : value
  }

  private func disjunction(
    _ left: Expression, _ right: Expression, _ scope: Scope
  ) throws(Problem) -> Value {
    let value = try evaluate(left, scope)
    return value.isTrue ? value : try evaluate(right, scope)
  }

  private func conditional(
    _ test: Expression, _ then: Expression, _ otherwise: Expression?, _ scope: Scope
  ) throws(Problem) -> Value {
    if try evaluate(test, scope).isTrue { return try evaluate(then, scope) }
    guard let otherwise else {
      return .undefined(.other("the inline if has no else, and its condition is false"))
    }
    return try evaluate(otherwise, scope)
  }

  /// The elements of anything that can be gone through.
  func elements(of value: Value) throws(Problem) -> [Value] {
    let items: [Value]
    switch value {
    case .undefined: items = []
    case .sequence(let sequence): items = sequence.items
    case .dictionary(let dictionary): items = dictionary.keys
    case .generator(let generator): items = generator.rest()
    case .text(let text):
      try step(elements: text.count)
      return text.characters.map { .text($0) }
    case .loop(let loop): items = loop.items
    default:
      throw Problem(.failed, "a value of type \(value.typeName) has no elements to go through")
    }
    try step(elements: items.count)
    return items
  }

  /// Texts with a separator between them.
  func joined(_ texts: [Text], separator: Text) throws(Problem) -> Text {
    var bytes = separator.bytes.count * max(texts.count - 1, 0)
    for text in texts { bytes += text.bytes.count }
    try allow(bytes: bytes)
    var result: [UInt8] = []
    result.reserveCapacity(bytes)
    for (index, text) in texts.enumerated() {
      if index > 0 { result += separator.bytes }
      result += text.bytes
    }
    return Text(result)
  }
}
