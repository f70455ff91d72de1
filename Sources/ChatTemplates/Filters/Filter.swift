/// The filters that are implemented, by their names in templates.
enum Filter: String, Sendable {
  case abs, attr, batch, capitalize, center, count, d, `default`, dictsort, e, escape, first
  case float, forceescape, format, groupby, indent, int, items, join, last, length, list, lower
  case map, max, min, reject, rejectattr, replace, reverse, round, safe, select, selectattr, slice
  case sort, string, sum, title, tojson, trim, truncate, unique, upper, urlencode, wordcount
}

extension Interpreter {
  func apply(
    _ filter: Filter, to value: Value, _ arguments: Arguments
  ) throws(Problem) -> Value {
    switch filter {
    case .capitalize, .center, .e, .escape, .forceescape, .format, .indent, .lower, .replace,
      .safe, .string, .title, .trim, .truncate, .upper, .urlencode, .wordcount:
      try applyToText(filter, value, arguments)
    case .abs, .float, .int, .round: try applyToNumber(filter, value, arguments)
    case .map, .select, .reject, .selectattr, .rejectattr:
      try applyToElements(filter, value, arguments)
    case .dictsort, .groupby, .max, .min, .sort, .unique:
      try applyWithOrder(filter, value, arguments)
    case .tojson: try json(value, arguments)
    case .attr:
      try attributeOnly(value, arguments)
    case .d, .default: try withDefault(value, arguments)
    case .batch, .count, .first, .items, .join, .last, .length, .list, .reverse, .slice, .sum:
      try applyToSequence(filter, value, arguments)
    }
  }

  private func attributeOnly(_ value: Value, _ arguments: Arguments) throws(Problem) -> Value {
    let bound = try arguments.bound(to: ["name"], required: 1, of: "attr")
    let name = try bound.text(0)?.string ?? ""
    return try ownAttribute(name, of: value)
      ?? .undefined(.attribute(of: value.typeName, name))
  }

  private func withDefault(_ value: Value, _ arguments: Arguments) throws(Problem) -> Value {
    let bound = try arguments.bound(to: ["default_value", "boolean"], of: "default")
    let replaces = value.isUndefined || bound.flag(1) && !value.isTrue
    return replaces ? bound[0] ?? .text(.empty) : value
  }

  /// What Python's `len()` gives.
  func length(of value: Value) throws(Problem) -> Int {
    switch value {
    case .undefined: return 0
    case .text(let text):
      if !text.isASCII { try step(bytes: text.bytes.count) }
      return text.count
    case .sequence(let sequence): return sequence.items.count
    case .dictionary(let dictionary): return dictionary.count
    case .loop(let loop): return loop.items.count
    default: throw Problem(.failed, "a value of type \(value.typeName) has no length")
    }
  }

  func list(_ items: [Value]) throws(Problem) -> Value {
    .sequence(try SequenceValue(.list, items))
  }
}
