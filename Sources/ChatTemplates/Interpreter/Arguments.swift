/// What a function, a filter or a test is called with.
struct Arguments {
  var positional: [Value] = []
  var keywords: [(name: String, value: Value)] = []

  /// The arguments by the names of a function's parameters; nil where one is not given.
  ///
  /// - Parameter required: how many of the first parameters must be given.
  /// - Throws: `failed` where the arguments do not fit.
  func bound(
    to names: [String], required: Int = 0, of function: String
  ) throws(Problem) -> BoundArguments {
    guard positional.count <= names.count else {
      throw Problem(
        .failed,
        "'\(function)' takes up to \(names.count) arguments, it is given \(positional.count)")
    }
    var values: [Value?] = positional + Array(repeating: nil, count: names.count - positional.count)
    for (name, value) in keywords {
      guard let index = names.firstIndex(of: name) else {
        throw Problem(.failed, "'\(function)' has no parameter '\(name)'")
      }
      guard values[index] == nil else {
        throw Problem(.failed, "'\(function)' is given the argument '\(name)' twice")
      }
      values[index] = value
    }
    for index in 0..<required where values[index] == nil {
      throw Problem(.failed, "'\(function)' needs the argument '\(names[index])'")
    }
    return BoundArguments(function: function, names: names, values: values)
  }

  /// - Throws: `failed` if there are any.
  func expectNone(of function: String) throws(Problem) {
    _ = try bound(to: [], of: function)
  }
}

/// Arguments by the number of their parameter.
struct BoundArguments {
  let function: String
  let names: [String]
  let values: [Value?]

  subscript(index: Int) -> Value? { values[index] }

  /// A truth value, by Python's `bool()`.
  func flag(_ index: Int, default standard: Bool = false) -> Bool {
    values[index]?.isTrue ?? standard
  }

  /// - Throws: `failed` if it is given and is no text.
  func text(_ index: Int) throws(Problem) -> Text? {
    switch values[index] {
    case nil: return nil
    case .text(let text)?: return text
    case let value?: throw wrong(index, value, "a string")
    }
  }

  /// A text, or nil for `None`.
  func textOrNone(_ index: Int) throws(Problem) -> Text? {
    if case .some(Value.none) = values[index] { return nil }
    return try text(index)
  }

  /// - Throws: `failed` if it is given and is no whole number.
  func wholeNumber(_ index: Int) throws(Problem) -> Int? {
    guard let value = values[index] else { return nil }
    guard let number = value.wholeNumber else { throw wrong(index, value, "a whole number") }
    return number
  }

  func wrong(_ index: Int, _ value: Value, _ expected: String) -> Problem {
    Problem(
      .failed,
      "'\(function)' expects \(expected) as '\(names[index])', it is given a value of type "
        + value.typeName)
  }
}

extension Interpreter {
  func evaluate(_ list: ArgumentList, _ scope: Scope) throws(Problem) -> Arguments {
    var arguments = Arguments()
    for expression in list.positional {
      arguments.positional.append(try evaluate(expression, scope))
    }
    for (name, expression) in list.keywords {
      arguments.keywords.append((name, try evaluate(expression, scope)))
    }
    if let expanded = list.expanded {
      arguments.positional += try elements(of: try evaluate(expanded, scope))
    }
    if let expanded = list.expandedKeywords {
      guard case .dictionary(let dictionary) = try evaluate(expanded, scope) else {
        throw Problem(.failed, "what follows '**' must be a dictionary")
      }
      for (key, value) in dictionary.pairs {
        guard case .text(let name) = key else {
          throw Problem(.failed, "the keys of what follows '**' must be strings")
        }
        arguments.keywords.append((name.string, value))
      }
    }
    return arguments
  }
}
