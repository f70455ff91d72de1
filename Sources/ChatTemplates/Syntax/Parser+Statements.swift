extension Parser {
  /// The statement of the tag at hand, up to its closing delimiter.
  mutating func statement() throws(Problem) -> [Statement] {
    let line = current.line
    guard case .name(let tag) = current.kind else { throw unexpected("expected a tag's name") }
    take()
    let kind: Statement.Kind
    switch tag {
    case "for": kind = try forLoop(line)
    case "if": kind = try conditional()
    case "set": kind = try assignment()
    case "macro":
      let name = try expectName()
      kind = .macro(
        try macro(name, parameters: try parameters(), end: "endmacro", of: "the macro '\(name)'"))
    case "call": kind = try callBlock(line)
    case "filter":
      let hole = try node(.blockText, line: line)
      let filtered = try filterName(of: hole)
      kind = .filterBlock(
        try filters(of: filtered), try innerBody(end: "endfilter", of: "'filter'"))
    case "with": kind = try with()
    case "generation":
      let loops = loops
      self.loops = 0
      defer { self.loops = loops }
      kind = .generation(try innerBody(end: "endgeneration", of: "'generation'"))
    case "break", "continue":
      guard loops > 0 else { throw Problem(.malformed, "'\(tag)' stands outside of a loop") }
      kind = tag == "break" ? .breakLoop : .continueLoop
    case "print": return try printed(line)
    case "include", "import", "from", "extends", "block", "autoescape":
      throw Problem(.unsupported, "'{% \(tag) %}' is not supported in chat templates")
    default: throw Problem(.malformed, "there is no tag '\(tag)' that could stand here")
    }
    return [Statement(kind: kind, line: line)]
  }

  /// A body that is closed by `end` alone.
  private mutating func innerBody(end: String, of block: String) throws(Problem) -> [Statement] {
    let statements = try body(until: [end], of: block)
    take()
    return statements
  }

  private mutating func forLoop(_ line: Int) throws(Problem) -> Statement.Kind {
    let target = try target()
    guard !target.names.contains("loop") else {
      throw Problem(.malformed, "the target of 'for' may not be called 'loop'")
    }
    guard skip(word: "in") else { throw unexpected("expected 'in'") }
    let iterable = try tupleOrExpression(allowsConditional: false)
    let condition = skip(word: "if") ? try expression() : nil
    if isAt(word: "recursive") {
      throw Problem(.unsupported, "recursive loops are not supported")
    }
    let wasConditional = isConditional
    isConditional = false
    loops += 1
    let body = try body(until: ["else", "endfor"], of: "'for' of line \(line)")
    loops -= 1
    var otherwise: [Statement] = []
    if skip(word: "else") {
      otherwise = try innerBody(end: "endfor", of: "'for' of line \(line)")
    } else {
      take()
    }
    isConditional = wasConditional
    return .loop(
      ForLoop(
        target: target, iterable: iterable, condition: condition, body: body, otherwise: otherwise))
  }

  private mutating func conditional() throws(Problem) -> Statement.Kind {
    let wasConditional = isConditional
    isConditional = true
    defer { isConditional = wasConditional }
    var branches: [(test: Expression, body: [Statement])] = []
    while true {
      let test = try tupleOrExpression(allowsConditional: false)
      let body = try body(until: ["elif", "else", "endif"], of: "'if' of line \(test.line)")
      branches.append((test, body))
      if skip(word: "elif") { continue }
      if skip(word: "else") {
        return .conditional(
          branches, otherwise: try innerBody(end: "endif", of: "'if' of line \(test.line)"))
      }
      take()
      return .conditional(branches, otherwise: [])
    }
  }

  private mutating func assignment() throws(Problem) -> Statement.Kind {
    let target = try target(allowsAttributes: true)
    if skip(.assign) { return .assignment(target, try tupleOrExpression()) }
    var filter: Expression?
    if isAt(.pipe) { filter = try filters(of: try node(.blockText, line: current.line)) }
    return .blockAssignment(target, filter: filter, try innerBody(end: "endset", of: "'set'"))
  }

  private mutating func with() throws(Problem) -> Statement.Kind {
    var assignments: [(target: Target, value: Expression)] = []
    while current.kind != .blockEnd, current.kind != .end {
      if !assignments.isEmpty { try expect(.symbol(.comma)) }
      let target = try target()
      try expect(.symbol(.assign))
      assignments.append((target, try expression()))
    }
    return .with(assignments, try innerBody(end: "endwith", of: "'with'"))
  }

  private mutating func printed(_ line: Int) throws(Problem) -> [Statement] {
    var printed: [Statement] = []
    while current.kind != .blockEnd, current.kind != .end {
      if !printed.isEmpty { try expect(.symbol(.comma)) }
      printed.append(Statement(kind: .output(try expression()), line: line))
    }
    return printed
  }

  // MARK: - Macros

  private mutating func callBlock(_ line: Int) throws(Problem) -> Statement.Kind {
    let parameters = isAt(.leftParenthesis) ? try self.parameters() : []
    let call = try expression()
    guard case .call(let function, let arguments) = call.kind else {
      throw Problem(.malformed, "'call' expects the call of a macro")
    }
    let caller = try macro("caller", parameters: parameters, end: "endcall", of: "'call'")
    return .callBlock(function: function, arguments, caller)
  }

  private mutating func parameters() throws(Problem) -> [MacroDefinition.Parameter] {
    try expect(.symbol(.leftParenthesis))
    var parameters: [MacroDefinition.Parameter] = []
    while !isAt(.rightParenthesis) {
      if !parameters.isEmpty { try expect(.symbol(.comma)) }
      let name = try expectName()
      guard !parameters.contains(where: { $0.name == name }) else {
        throw Problem(.malformed, "the parameter '\(name)' is declared twice")
      }
      let defaultValue = skip(.assign) ? try expression() : nil
      guard defaultValue != nil || parameters.last?.defaultValue == nil else {
        throw Problem(.malformed, "the parameter '\(name)' needs a default, as the one before it")
      }
      parameters.append(.init(name: name, defaultValue: defaultValue))
    }
    take()
    return parameters
  }

  private mutating func macro(
    _ name: String, parameters: [MacroDefinition.Parameter], end: String, of block: String
  ) throws(Problem) -> MacroDefinition {
    let (outerLoops, outerNames, wasConditional) = (loops, namesUsed, isConditional)
    (loops, namesUsed, isConditional) = (0, [], false)
    let body = try innerBody(end: end, of: block)
    let mentioned = namesUsed.intersection(["caller", "varargs", "kwargs"])
    (loops, namesUsed, isConditional) = (
      outerLoops, outerNames.union(namesUsed), wasConditional
    )
    return MacroDefinition(name: name, parameters: parameters, body: body, mentioned: mentioned)
  }

  // MARK: - Targets

  private static let constants: Set<String> = ["true", "True", "false", "False", "none", "None"]

  /// One target, or several with commas.
  private mutating func target(allowsAttributes: Bool = false) throws(Problem) -> Target {
    var targets = [try singleTarget(allowsAttributes: allowsAttributes)]
    var isTuple = false
    while skip(.comma) {
      isTuple = true
      if current.kind == .blockEnd || isAt(.rightParenthesis) { break }
      targets.append(try singleTarget(allowsAttributes: allowsAttributes))
    }
    return isTuple ? .tuple(targets) : targets[0]
  }

  private mutating func singleTarget(allowsAttributes: Bool) throws(Problem) -> Target {
    if skip(.leftParenthesis) {
      let target = try nested { (parser) throws(Problem) in
        try parser.target()
      }
      try expect(.symbol(.rightParenthesis))
      return target
    }
    let name = try expectName()
    guard !Self.constants.contains(name) else {
      throw Problem(.malformed, "'\(name)' cannot be assigned to")
    }
    guard allowsAttributes, skip(.dot) else { return .name(name) }
    return .attribute(namespace: name, try expectName())
  }
}
