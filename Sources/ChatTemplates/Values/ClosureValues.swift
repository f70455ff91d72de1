/// `namespace(…)`: the one thing that a template can change.
final class NamespaceValue {
  var names: [String] = []
  var values: [String: Value] = [:]

  func set(_ name: String, to value: Value) throws(Problem) {
    guard !name.hasPrefix("_") else {
      throw Problem(.failed, "a namespace may not have the attribute '\(name)'; rename it")
    }
    if values.updateValue(value, forKey: name) == nil { names.append(name) }
  }
}

/// A macro, with the variables around its definition.
final class MacroValue {
  let definition: MacroDefinition
  let scope: Scope

  init(_ definition: MacroDefinition, in scope: Scope) {
    self.definition = definition
    self.scope = scope
  }
}

/// A method of a value, such as `message.content.strip` before it is called.
final class BoundMethod {
  let receiver: Value
  let name: String
  let depth: Int

  init(_ receiver: Value, _ name: String) {
    self.receiver = receiver
    self.name = name
    depth = receiver.depth + 1
  }
}

/// The variable `loop` inside of `for`.
final class LoopValue {
  let items: [Value]
  let depth: Int
  var index = 0
  private var lastChecked: [Value]?

  init(_ items: [Value]) throws(Problem) {
    self.items = items
    depth = try valueDepth(over: items)
  }

  /// Whether `values` differ from those of the last call.
  func changed(_ values: [Value], by isEqual: ([Value]) throws(Problem) -> Bool) throws(Problem)
    -> Bool
  {
    if let last = lastChecked, try isEqual(last) { return false }
    lastChecked = values
    return true
  }
}

/// The functions that every template knows.
enum GlobalFunction: String {
  case range
  case dict
  case namespace
  case raiseException = "raise_exception"
  case strftimeNow = "strftime_now"

  /// What Jinja has besides, which no chat template needs.
  static let unsupported: Set<String> = ["lipsum", "cycler", "joiner"]
}
