/// Filters that compare elements; texts are compared without regard to case unless they ask for it.
extension Interpreter {
  func applyWithOrder(
    _ filter: Filter, _ value: Value, _ arguments: Arguments
  ) throws(Problem) -> Value {
    let name = filter.rawValue
    switch filter {
    case .dictsort: return try sortedEntries(value, arguments)
    case .groupby: return try grouped(value, arguments)
    case .sort:
      let bound = try arguments.bound(to: ["reverse", "case_sensitive", "attribute"], of: name)
      let paths = try AttributePath.list(bound[2])
      let items = try elements(of: value)
      return try list(
        try sorted(items, reversed: bound.flag(0)) { (item) throws(Problem) in
          var keys: [Value] = []
          for path in paths {
            keys.append(
              try key(try look(up: path, in: item), isCaseSensitive: bound.flag(1)))
          }
          return keys.count == 1 ? keys[0] : try list(keys)
        })
    case .unique:
      let bound = try arguments.bound(to: ["case_sensitive", "attribute"], of: name)
      let path = try AttributePath(bound[1])
      var seen: Set<DictionaryKey> = []
      var kept: [Value] = []
      for element in try elements(of: value) {
        let key = try key(try look(up: path, in: element), isCaseSensitive: bound.flag(0))
        if seen.insert(try DictionaryKey(key)).inserted { kept.append(element) }
      }
      return .generator(try GeneratorValue(kept))
    default:
      let bound = try arguments.bound(to: ["case_sensitive", "attribute"], of: name)
      let path = try AttributePath(bound[1])
      var best: (key: Value, element: Value)?
      for element in try elements(of: value) {
        let key = try key(try look(up: path, in: element), isCaseSensitive: bound.flag(0))
        guard let current = best else {
          best = (key, element)
          continue
        }
        if try compare(key, filter == .min ? .less : .greater, current.key) {
          best = (key, element)
        }
      }
      return best?.element ?? .undefined(.other("there is no '\(name)' of no elements"))
    }
  }

  private func key(_ value: Value, isCaseSensitive: Bool) throws(Problem) -> Value {
    guard !isCaseSensitive, case .text(let text) = value else { return value }
    try step(bytes: text.bytes.count)
    return .text(text.lowercased)
  }

  private func sortedEntries(_ value: Value, _ arguments: Arguments) throws(Problem) -> Value {
    let bound = try arguments.bound(to: ["case_sensitive", "by", "reverse"], of: "dictsort")
    guard case .dictionary(let dictionary) = value else {
      throw Problem(
        .failed, "'dictsort' expects a dictionary, not a value of type \(value.typeName)")
    }
    let by = try bound.text(1)?.string ?? "key"
    guard ["key", "value"].contains(by) else {
      throw Problem(.failed, "'dictsort' sorts by \"key\" or \"value\"")
    }
    return try list(
      try sorted(try pairs(dictionary), reversed: bound.flag(2)) { (pair) throws(Problem) in
        guard case .sequence(let sequence) = pair else { return pair }
        return try key(sequence.items[by == "key" ? 0 : 1], isCaseSensitive: bound.flag(0))
      })
  }

  private func grouped(_ value: Value, _ arguments: Arguments) throws(Problem) -> Value {
    let bound = try arguments.bound(
      to: ["attribute", "default", "case_sensitive"], required: 1, of: "groupby")
    let path = try AttributePath(bound[0])
    func own(_ item: Value) throws(Problem) -> Value {
      try look(up: path, in: item, default: bound[1])
    }
    func sortingKey(_ item: Value) throws(Problem) -> Value {
      try key(try own(item), isCaseSensitive: bound.flag(2))
    }
    var groups: [Value] = []
    var members: [Value] = []
    var current: Value?
    func close() throws(Problem) {
      guard let first = members.first else { return }
      groups.append(
        .sequence(try SequenceValue(.group, [try own(first), try list(members)])))
      members = []
    }
    for item in try sorted(try elements(of: value), by: sortingKey) {
      let key = try sortingKey(item)
      if let current, !(try isEqual(current, key)) { try close() }
      current = key
      members.append(item)
    }
    try close()
    return try list(groups)
  }
}
