extension Interpreter {
  /// How a list of statements ended.
  enum Flow {
    case finished
    case broken
    case continued
  }

  func execute(_ statements: [Statement], _ scope: Scope) throws(Problem) -> Flow {
    for statement in statements {
      line = statement.line
      try step()
      let flow = try execute(statement, scope)
      if flow != .finished { return flow }
    }
    return .finished
  }

  private func execute(_ statement: Statement, _ scope: Scope) throws(Problem) -> Flow {
    switch statement.kind {
    case .data(let text): try write(text)
    case .output(let expression):
      let value = try evaluate(expression, scope)
      line = statement.line
      try write(try text(of: value))
    case .loop(let loop):
      return try nested { () throws(Problem) in try run(loop, scope) }
    case .conditional(let branches, let otherwise):
      for branch in branches where try evaluate(branch.test, scope).isTrue {
        return try nested { () throws(Problem) in try execute(branch.body, scope) }
      }
      return try nested { () throws(Problem) in try execute(otherwise, scope) }
    case .assignment(let target, let expression):
      let value = try evaluate(expression, scope)
      line = statement.line
      try assign(value, to: target, scope)
    case .blockAssignment(let target, let filter, let body):
      return try assignBlock(target, filter, body, scope)
    case .macro(let definition):
      scope.variables[definition.name] = .macro(try makeMacro(definition, in: scope))
    case .callBlock(let function, let list, let definition):
      let caller = try makeMacro(definition, in: scope)
      let callee = try evaluate(function, scope)
      var arguments = try evaluate(list, scope)
      arguments.keywords.append(("caller", .macro(caller)))
      line = statement.line
      try write(try text(of: try call(callee, arguments)))
    case .filterBlock(let filter, let body):
      let inner = Scope(parent: scope)
      var flow = Flow.finished
      let text = try captured { () throws(Problem) in
        flow = try nested { () throws(Problem) in try execute(body, inner) }
      }
      guard flow == .finished else { return flow }
      try write(try self.text(of: try apply(filter, toBlock: text, scope)))
    case .with(let assignments, let body):
      let inner = Scope(parent: scope)
      for (target, expression) in assignments {
        try assign(try evaluate(expression, scope), to: target, inner)
      }
      return try nested { () throws(Problem) in try execute(body, inner) }
    case .generation(let body):
      return try nested { () throws(Problem) in try execute(body, Scope(parent: scope)) }
    case .breakLoop: return .broken
    case .continueLoop: return .continued
    }
    return .finished
  }

  private func assignBlock(
    _ target: Target, _ filter: Expression?, _ body: [Statement], _ scope: Scope
  ) throws(Problem) -> Flow {
    let inner = Scope(parent: scope)
    var flow = Flow.finished
    let text = try captured { () throws(Problem) in
      flow = try nested { () throws(Problem) in try execute(body, inner) }
    }
    guard flow == .finished else { return flow }
    let value = try filter.map { (filter) throws(Problem) in
      try apply(filter, toBlock: text, scope)
    }
    try assign(value ?? .text(text), to: target, scope)
    return .finished
  }

  private func apply(
    _ filter: Expression, toBlock text: Text, _ scope: Scope
  ) throws(Problem) -> Value {
    let outer = blockText
    blockText = text
    defer { blockText = outer }
    return try evaluate(filter, scope)
  }

  // MARK: - Loops

  private func run(_ loop: ForLoop, _ scope: Scope) throws(Problem) -> Flow {
    let line = line
    var items = try elements(of: try evaluate(loop.iterable, scope))
    if let condition = loop.condition {
      var kept: [Value] = []
      for item in items {
        let inner = Scope(parent: scope)
        try assign(item, to: loop.target, inner)
        if try evaluate(condition, inner).isTrue { kept.append(item) }
      }
      items = kept
    }
    let state = try LoopValue(items)
    var hasFinishedTurn = false
    for (index, item) in items.enumerated() {
      self.line = line
      // A turn's scope takes the time of some steps.
      try step(elements: 3)
      state.index = index
      let inner = Scope(parent: scope)
      inner.variables["loop"] = .loop(state)
      try assign(item, to: loop.target, inner)
      let flow = try execute(loop.body, inner)
      if flow == .broken { break }
      if flow == .finished { hasFinishedTurn = true }
    }
    // A turn that 'break' or 'continue' ended does not count: so it is in Jinja.
    return hasFinishedTurn ? .finished : try execute(loop.otherwise, Scope(parent: scope))
  }

  // MARK: - Assignments

  func assign(_ value: Value, to target: Target, _ scope: Scope) throws(Problem) {
    switch target {
    case .name(let name): scope.variables[name] = value
    case .attribute(let name, let attribute):
      guard case .namespace(let namespace)? = scope.lookUp(name) else {
        throw Problem(.failed, "'\(name)' is no namespace, so '\(name).\(attribute)' cannot be set")
      }
      try namespace.set(attribute, to: value)
    case .tuple(let targets):
      let parts = try elements(of: value)
      guard parts.count == targets.count else {
        throw Problem(
          .failed, "\(parts.count) values cannot be assigned to \(targets.count) names")
      }
      for (target, part) in zip(targets, parts) { try assign(part, to: target, scope) }
    }
  }
}
