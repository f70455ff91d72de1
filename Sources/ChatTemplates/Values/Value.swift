/// A value of a running template.
enum Value {
  case undefined(UndefinedValue)
  case none
  case boolean(Bool)
  case integer(Int)
  case float(Double)
  case text(Text)
  case sequence(SequenceValue)
  case dictionary(DictionaryValue)
  case generator(GeneratorValue)
  case namespace(NamespaceValue)
  case macro(MacroValue)
  case loop(LoopValue)
  case function(GlobalFunction)
  case method(BoundMethod)

  init(_ constant: Expression.Constant) {
    switch constant {
    case .none: self = .none
    case .boolean(let value): self = .boolean(value)
    case .integer(let value): self = .integer(value)
    case .float(let value): self = .float(value)
    case .text(let text): self = .text(text)
    }
  }

  static func string(_ string: String) -> Value { .text(Text(string)) }

  /// An undefined value, for this reason.
  static func undefined(_ reason: UndefinedValue.Reason) -> Value {
    .undefined(UndefinedValue(reason))
  }

  /// How deep lists and dictionaries are nested in it.
  var depth: Int {
    switch self {
    case .sequence(let sequence): sequence.depth
    case .dictionary(let dictionary): dictionary.depth
    case .generator(let generator): generator.depth
    case .loop(let loop): loop.depth
    case .method(let method): method.depth
    default: 0
    }
  }

  /// Python's name of the type.
  var typeName: String {
    switch self {
    case .undefined: "Undefined"
    case .none: "None"
    case .boolean: "bool"
    case .integer: "int"
    case .float: "float"
    case .text: "str"
    case .sequence(let sequence): sequence.typeName
    case .dictionary: "dict"
    case .generator: "generator"
    case .namespace: "Namespace"
    case .macro: "Macro"
    case .loop: "LoopContext"
    case .function: "function"
    case .method: "method"
    }
  }

  /// What Python's `bool()` gives.
  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .boolean(let value): value
    case .integer(let value): value != 0
    case .float(let value): value != 0
    case .text(let text): !text.isEmpty
    case .sequence(let sequence): !sequence.items.isEmpty
    case .dictionary(let dictionary): dictionary.count > 0
    case .loop(let loop): !loop.items.isEmpty
    case .generator, .namespace, .macro, .function, .method: true
    }
  }

  var isUndefined: Bool {
    if case .undefined = self { true } else { false }
  }

  /// The value of an integer, or of a truth value, which is one in Python.
  var wholeNumber: Int? {
    switch self {
    case .integer(let value): value
    case .boolean(let value): value ? 1 : 0
    default: nil
    }
  }

  /// The value of any number.
  var number: Double? {
    if case .float(let value) = self { return value }
    return wholeNumber.map(Double.init)
  }
}

/// A name, attribute or element that is not there; it prints as nothing.
final class UndefinedValue {
  enum Reason {
    case variable(String)
    case attribute(of: String, String)
    case item(of: String)
    /// What Jinja's sandbox refuses, such as changing a list.
    case unsafe(of: String, String)
    case other(String)
  }

  let reason: Reason

  init(_ reason: Reason) { self.reason = reason }

  var sentence: String {
    switch reason {
    case .variable(let name): "'\(name)' is undefined"
    case .attribute(let type, let name): "a value of type \(type) has no attribute '\(name)'"
    case .item(let type): "a value of type \(type) has no such element"
    case .unsafe(let type, let name):
      "'\(name)' of a value of type \(type) is refused: a chat template may not use it"
    case .other(let sentence): sentence
    }
  }
}
