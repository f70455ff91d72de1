import Foundation

extension Interpreter {
  func call(_ function: Value, _ arguments: Arguments) throws(Problem) -> Value {
    switch function {
    case .function(let function): return try call(function, arguments)
    case .method(let method): return try call(method, arguments)
    case .macro(let macro):
      return .text(try nested { () throws(Problem) in try call(macro, arguments) })
    case .undefined(let undefined): throw Problem(.failed, undefined.sentence)
    case .loop: throw Problem(.unsupported, "recursive loops are not supported")
    default:
      throw Problem(.failed, "a value of type \(function.typeName) cannot be called")
    }
  }

  private func call(
    _ function: GlobalFunction, _ arguments: Arguments
  ) throws(Problem) -> Value {
    switch function {
    case .range: return try range(arguments)
    case .dict: return .dictionary(try DictionaryValue(try entries(arguments, of: "dict")))
    case .namespace:
      let namespace = try makeNamespace()
      for (key, value) in try entries(arguments, of: "namespace") {
        guard case .text(let name) = key else {
          throw Problem(.failed, "the attributes of a namespace must be named by strings")
        }
        try namespace.set(name.string, to: value)
      }
      return .namespace(namespace)
    case .raiseException:
      let bound = try arguments.bound(to: ["message"], required: 1, of: "raise_exception")
      throw Problem(.raised, try text(of: bound[0] ?? .none).string)
    case .strftimeNow:
      let bound = try arguments.bound(to: ["format"], required: 1, of: "strftime_now")
      return .text(try formattedNow(try bound.text(0) ?? .empty))
    }
  }

  private func range(_ arguments: Arguments) throws(Problem) -> Value {
    let bound = try arguments.bound(to: ["start", "stop", "step"], required: 1, of: "range")
    guard arguments.keywords.isEmpty else {
      throw Problem(.failed, "'range' takes no arguments by name")
    }
    let first = try bound.wholeNumber(0) ?? 0
    let second = try bound.wholeNumber(1)
    let (start, stop) = second.map { (first, $0) } ?? (0, first)
    let stride = try bound.wholeNumber(2) ?? 1
    guard stride != 0 else { throw Problem(.failed, "the step of 'range' must not be zero") }
    var items: [Value] = []
    var next = start
    while stride > 0 ? next < stop : next > stop {
      guard items.count < Limits.rangeElements else {
        throw Problem(.limit, "'range' gives more than \(Limits.rangeElements) numbers")
      }
      items.append(.integer(next))
      let (following, overflowed) = next.addingReportingOverflow(stride)
      guard !overflowed else { break }
      next = following
    }
    try step(elements: items.count)
    return .sequence(
      try SequenceValue(.range(start: start, stop: stop, step: stride), items))
  }

  /// The entries of `dict(…)`: of a dictionary or of pairs, and of arguments by name.
  private func entries(
    _ arguments: Arguments, of function: String
  ) throws(Problem) -> [(key: Value, value: Value)] {
    guard arguments.positional.count <= 1 else {
      throw Problem(.failed, "'\(function)' takes one argument besides those by name")
    }
    var entries: [(key: Value, value: Value)] = []
    switch arguments.positional.first {
    case nil: break
    case .dictionary(let dictionary)?: entries = dictionary.pairs
    case let value?:
      for element in try elements(of: value) {
        let pair = try elements(of: element)
        guard pair.count == 2 else {
          throw Problem(.failed, "'\(function)' expects pairs of a key and a value")
        }
        entries.append((pair[0], pair[1]))
      }
    }
    try step(elements: entries.count)
    return entries + arguments.keywords.map { (.string($0.name), $0.value) }
  }

  // MARK: - Macros

  private func call(_ macro: MacroValue, _ arguments: Arguments) throws(Problem) -> Text {
    let definition = macro.definition
    let scope = Scope(parent: macro.scope)
    let parameters = definition.parameters
    var keywords = arguments.keywords
    var isGiven: [Bool] = []
    for (index, parameter) in parameters.enumerated() {
      var value: Value?
      if index < arguments.positional.count {
        value = arguments.positional[index]
      } else if let place = keywords.firstIndex(where: { $0.name == parameter.name }) {
        value = keywords.remove(at: place).value
      }
      if let value { scope.variables[parameter.name] = value }
      isGiven.append(value != nil)
    }
    try bindSpecial(definition, arguments, &keywords, scope)
    for (parameter, isGiven) in zip(parameters, isGiven) where !isGiven {
      // A default may name the parameters before it, and none after it.
      scope.variables[parameter.name] = .undefined(
        .other("the parameter '\(parameter.name)' of '\(definition.name)' is not given"))
      if let expression = parameter.defaultValue {
        scope.variables[parameter.name] = try evaluate(expression, scope)
      }
    }
    return try captured { () throws(Problem) in _ = try execute(definition.body, scope) }
  }

  /// `caller`, `kwargs` and `varargs`, where the body mentions them.
  private func bindSpecial(
    _ definition: MacroDefinition, _ arguments: Arguments,
    _ keywords: inout [(name: String, value: Value)], _ scope: Scope
  ) throws(Problem) {
    let names = definition.parameters.map(\.name)
    func takes(_ name: String) -> Bool {
      definition.mentioned.contains(name) && !names.contains(name)
    }
    if takes("caller") {
      let place = keywords.firstIndex { $0.name == "caller" }
      scope.variables["caller"] =
        place.map { keywords.remove(at: $0).value }
        ?? .undefined(.other("'\(definition.name)' is not called by a call block"))
    }
    if takes("kwargs") {
      let entries = keywords.map { (key: Value.string($0.name), value: $0.value) }
      scope.variables["kwargs"] = .dictionary(try DictionaryValue(entries))
    } else if let keyword = keywords.first {
      throw Problem(
        .failed, "the macro '\(definition.name)' has no parameter '\(keyword.name)'")
    }
    let rest = Array(arguments.positional.dropFirst(names.count))
    if takes("varargs") {
      scope.variables["varargs"] = .sequence(try SequenceValue(.tuple, rest))
    } else if !rest.isEmpty {
      throw Problem(
        .failed, "the macro '\(definition.name)' takes up to \(names.count) arguments")
    }
  }

  // MARK: - Time

  /// `now` as C's `strftime` has it, which Python uses too.
  private func formattedNow(_ format: Text) throws(Problem) -> Text {
    try allow(bytes: format.bytes.count, times: 32)
    let seconds = now.timeIntervalSince1970
    guard var time = time_t(exactly: seconds.rounded(.down)) else { return .empty }
    var parts = tm()
    localtime_r(&time, &parts)
    // Python fills these in itself: microseconds, and nothing for a time without a zone.
    let microseconds = Int((seconds - seconds.rounded(.down)) * 1e6)
    let digits = String(microseconds)
    var pattern: [UInt8] = []
    var rest = format.bytes[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%"), let letter = rest.popFirst() else {
        pattern.append(byte)
        continue
      }
      switch Unicode.Scalar(letter) {
      case "f": pattern += Array((String(repeating: "0", count: 6 - digits.count) + digits).utf8)
      case "z", "Z": break
      default: pattern += [byte, letter]
      }
    }
    guard !pattern.isEmpty, !pattern.contains(0) else { return Text(pattern) }
    // A character behind it tells an empty result from one that is too long.
    pattern += [UInt8(ascii: "!"), 0]
    var room = [CChar](repeating: 0, count: 64 + 32 * pattern.count)
    let length = pattern.withUnsafeBytes {
      strftime(&room, room.count, $0.baseAddress!.assumingMemoryBound(to: CChar.self), &parts)
    }
    guard length > 0 else { throw Problem(.limit, "the formatted time is too long") }
    return Text(room[..<(length - 1)].map { UInt8(bitPattern: $0) })
  }
}
