/// Methods of dictionaries, lists and loops; those of texts have files of their own.
extension Interpreter {
  func call(_ method: BoundMethod, _ arguments: Arguments) throws(Problem) -> Value {
    switch method.receiver {
    case .text(let text): return try call(method.name, of: text, arguments)
    case .dictionary(let dictionary): return try call(method.name, of: dictionary, arguments)
    case .sequence(let sequence): return try call(method.name, of: sequence, arguments)
    case .loop(let loop):
      guard arguments.keywords.isEmpty else {
        throw Problem(.failed, "'loop.\(method.name)' takes no arguments by name")
      }
      let values = arguments.positional
      if method.name == "changed" {
        return .boolean(
          try loop.changed(values) { (last) throws(Problem) in try isEqual(last, values) })
      }
      guard !values.isEmpty else { throw Problem(.failed, "'loop.cycle' needs values") }
      return values[loop.index % values.count]
    default: throw Problem(.failed, "a value of type \(method.receiver.typeName) has no methods")
    }
  }

  private func call(
    _ name: String, of dictionary: DictionaryValue, _ arguments: Arguments
  ) throws(Problem) -> Value {
    if name == "get" {
      guard arguments.keywords.isEmpty else {
        throw Problem(.failed, "'get' takes no arguments by name")
      }
      let bound = try arguments.bound(to: ["key", "default"], required: 1, of: name)
      return try dictionary[bound[0] ?? .none] ?? bound[1] ?? .none
    }
    try arguments.expectNone(of: name)
    try step(elements: dictionary.count)
    switch name {
    case "items": return .sequence(try SequenceValue(.items, try pairs(dictionary)))
    case "keys": return .sequence(try SequenceValue(.keys, dictionary.keys))
    case "values": return .sequence(try SequenceValue(.values, dictionary.values))
    default: return .dictionary(try DictionaryValue(dictionary.pairs))
    }
  }

  private func call(
    _ name: String, of sequence: SequenceValue, _ arguments: Arguments
  ) throws(Problem) -> Value {
    switch name {
    case "count":
      let bound = try arguments.bound(to: ["value"], required: 1, of: name)
      var count = 0
      for item in sequence.items where try isEqual(item, bound[0] ?? .none) { count += 1 }
      return .integer(count)
    case "index":
      let bound = try arguments.bound(to: ["value", "start", "stop"], required: 1, of: name)
      let range = Self.range(
        try bound.wholeNumber(1), try bound.wholeNumber(2), of: sequence.items.count)
      for index in range where try isEqual(sequence.items[index], bound[0] ?? .none) {
        return .integer(index)
      }
      throw Problem(.failed, "the value that 'index' looks for is not there")
    default:
      try arguments.expectNone(of: name)
      return try list(sequence.items)
    }
  }

  /// The positions between two bounds that may be missing, negative, or beyond the end.
  static func range(_ start: Int?, _ stop: Int?, of count: Int) -> Range<Int> {
    func place(_ bound: Int) -> Int {
      bound < 0 ? max(bound + count, 0) : min(bound, count)
    }
    let first = start.map(place) ?? 0
    return first..<max(first, stop.map(place) ?? count)
  }
}
