/// `map`, and the filters that keep or drop elements by a test.
extension Interpreter {
  func applyToElements(
    _ filter: Filter, _ value: Value, _ arguments: Arguments
  ) throws(Problem) -> Value {
    // With nothing to go through, Jinja does not even look at the arguments.
    guard value.isTrue else { return .generator(try GeneratorValue([])) }
    if filter == .map { return try mapped(value, arguments) }
    let keeps = filter == .select || filter == .selectattr
    var arguments = arguments
    var path: AttributePath?
    if filter == .selectattr || filter == .rejectattr {
      guard !arguments.positional.isEmpty else {
        throw Problem(.failed, "'\(filter.rawValue)' needs the name of an attribute")
      }
      path = try AttributePath(arguments.positional.removeFirst())
    }
    var test: ValueTest?
    if !arguments.positional.isEmpty {
      let name = try text(of: arguments.positional.removeFirst()).string
      guard let known = ValueTest(rawValue: name) else {
        throw Problem(.unsupported, "there is no test '\(name)'")
      }
      test = known
    }
    var kept: [Value] = []
    for element in try elements(of: value) {
      try step()
      let tested = try path.map { (path) throws(Problem) in try look(up: path, in: element) }
      let holds =
        try test.map { (test) throws(Problem) in
          try passes(test, tested ?? element, arguments)
        } ?? (tested ?? element).isTrue
      if holds == keeps { kept.append(element) }
    }
    return .generator(try GeneratorValue(kept))
  }

  private func mapped(_ value: Value, _ arguments: Arguments) throws(Problem) -> Value {
    var results: [Value] = []
    if arguments.positional.isEmpty,
      arguments.keywords.contains(where: { $0.name == "attribute" })
    {
      let bound = try arguments.bound(to: ["attribute", "default"], of: "map")
      let path = try AttributePath(bound[0])
      for element in try elements(of: value) {
        results.append(try look(up: path, in: element, default: bound[1]))
      }
      return .generator(try GeneratorValue(results))
    }
    guard let first = arguments.positional.first else {
      throw Problem(.failed, "'map' needs the name of a filter, or an attribute")
    }
    let name = try text(of: first).string
    guard let filter = Filter(rawValue: name) else {
      throw Problem(.unsupported, "there is no filter '\(name)'")
    }
    var rest = arguments
    rest.positional.removeFirst()
    for element in try elements(of: value) {
      results.append(
        try nested { () throws(Problem) in try apply(filter, to: element, rest) })
    }
    return .generator(try GeneratorValue(results))
  }
}
