/// Filters over the elements of a value, in the order in which they come.
extension Interpreter {
  func applyToSequence(
    _ filter: Filter, _ value: Value, _ arguments: Arguments
  ) throws(Problem) -> Value {
    let name = filter.rawValue
    switch filter {
    case .batch: return try batched(value, arguments)
    case .slice: return try sliced(value, arguments)
    case .join:
      let bound = try arguments.bound(to: ["d", "attribute"], of: name)
      var texts: [Text] = []
      let path = try AttributePath(bound[1])
      for element in try elements(of: value) {
        texts.append(try text(of: try look(up: path, in: element)))
      }
      return .text(
        try joined(texts, separator: try text(of: bound[0] ?? .text(.empty))))
    case .sum:
      let bound = try arguments.bound(to: ["attribute", "start"], of: name)
      let path = try AttributePath(bound[0])
      var total = bound[1] ?? .integer(0)
      if case .text = total { throw Problem(.failed, "'sum' cannot add strings; use 'join'") }
      for element in try elements(of: value) {
        total = try calculate(.add, total, try look(up: path, in: element))
      }
      return total
    default: break
    }
    try arguments.expectNone(of: name)
    switch filter {
    case .count, .length: return .integer(try length(of: value))
    case .first:
      if case .generator(let generator) = value {
        return generator.next() ?? .undefined(.other("there is no first element"))
      }
      if case .text(let text) = value, !text.isEmpty { return .text(text.slice(0..<1)) }
      return try elements(of: value).first ?? .undefined(.other("there is no first element"))
    case .last:
      if case .generator = value {
        throw Problem(.failed, "'last' expects a sequence; make a list of the generator first")
      }
      if case .text(let text) = value, !text.isEmpty {
        return .text(text.slice(text.count - 1..<text.count))
      }
      return try elements(of: value).last ?? .undefined(.other("there is no last element"))
    case .items:
      switch value {
      case .undefined: return .generator(try GeneratorValue([]))
      case .dictionary(let dictionary): return .generator(try GeneratorValue(try pairs(dictionary)))
      default:
        throw Problem(
          .failed, "'items' expects a dictionary, not a value of type \(value.typeName)")
      }
    case .reverse:
      if case .text(let text) = value {
        try step(elements: text.count)
        return .text(try joined(text.characters.reversed(), separator: .empty))
      }
      let reversed = Array(try elements(of: value).reversed())
      if case .generator = value { return try list(reversed) }
      return .generator(try GeneratorValue(reversed))
    default: return try list(try elements(of: value))
    }
  }

  /// The entries of a dictionary as tuples.
  func pairs(_ dictionary: DictionaryValue) throws(Problem) -> [Value] {
    try step(elements: dictionary.count)
    var pairs: [Value] = []
    for (key, value) in dictionary.pairs {
      pairs.append(.sequence(try SequenceValue(.tuple, [key, value])))
    }
    return pairs
  }

  private func batched(_ value: Value, _ arguments: Arguments) throws(Problem) -> Value {
    let bound = try arguments.bound(to: ["linecount", "fill_with"], required: 1, of: "batch")
    let size = try bound.wholeNumber(0) ?? 1
    var rows: [Value] = []
    var row: [Value] = []
    for element in try elements(of: value) {
      if row.count == size {
        rows.append(try list(row))
        row = []
      }
      row.append(element)
    }
    if !row.isEmpty {
      if let fill = bound[1], !fill.isNone, row.count < size {
        try step(elements: size)
        row += Array(repeating: fill, count: size - row.count)
      }
      rows.append(try list(row))
    }
    return .generator(try GeneratorValue(rows))
  }

  private func sliced(_ value: Value, _ arguments: Arguments) throws(Problem) -> Value {
    let bound = try arguments.bound(to: ["slices", "fill_with"], required: 1, of: "slice")
    let count = try bound.wholeNumber(0) ?? 1
    guard count != 0 else { throw Problem(.failed, "'slice' expects a number of slices") }
    let items = try elements(of: value)
    try step(elements: max(count, 0))
    var slices: [Value] = []
    var start = 0
    for index in 0..<max(count, 0) {
      let isLong = index < items.count % count
      let end = start + items.count / count + (isLong ? 1 : 0)
      var part = Array(items[start..<end])
      if let fill = bound[1], !fill.isNone, !isLong, items.count % count != 0 { part.append(fill) }
      slices.append(try list(part))
      start = end
    }
    return .generator(try GeneratorValue(slices))
  }
}

extension Value {
  var isNone: Bool {
    if case .none = self { true } else { false }
  }
}
