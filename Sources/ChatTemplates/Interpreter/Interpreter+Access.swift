/// Attributes and elements, by Jinja's rules: `x.name` is an attribute before it is an element,
/// `x['name']` an element before it is an attribute, and what is not there is undefined.
extension Interpreter {
  func attribute(_ name: String, of value: Value) throws(Problem) -> Value {
    if let attribute = try ownAttribute(name, of: value) { return attribute }
    if case .dictionary(let dictionary) = value, let element = dictionary[name] { return element }
    return .undefined(.attribute(of: value.typeName, name))
  }

  func item(_ key: Value, of value: Value) throws(Problem) -> Value {
    switch value {
    case .undefined(let undefined): throw Problem(.failed, undefined.sentence)
    case .dictionary(let dictionary):
      if case .sequence(let sequence) = key, !sequence.isTuple { break }
      if case .dictionary = key { break }
      if let element = try dictionary[key] { return element }
    case .sequence(let sequence) where !sequence.isView:
      if let index = key.wholeNumber {
        let items = sequence.items
        let place = index < 0 ? index + items.count : index
        if items.indices.contains(place) { return items[place] }
      }
    case .text(let text):
      if let index = key.wholeNumber {
        if !text.isASCII { try step(bytes: text.bytes.count) }
        let place = index < 0 ? index + text.count : index
        let element = place < 0 ? .empty : text.slice(place..<place + 1)
        if !element.isEmpty { return .text(element) }
      }
    default: break
    }
    if case .text(let name) = key, let attribute = try ownAttribute(name.string, of: value) {
      return attribute
    }
    return .undefined(.item(of: value.typeName))
  }

  /// An attribute that values of the type have; nil if there is none.
  func ownAttribute(_ name: String, of value: Value) throws(Problem) -> Value? {
    switch value {
    case .undefined(let undefined): throw Problem(.failed, undefined.sentence)
    case .namespace(let namespace): return namespace.values[name]
    case .loop(let loop): return try loopAttribute(name, of: loop)
    case .macro(let macro) where name == "name": return .string(macro.definition.name)
    case .sequence(let sequence) where sequence.kind == .group:
      if name == "grouper" { return sequence.items[0] }
      if name == "list" { return sequence.items[1] }
    default: break
    }
    switch MethodNames.standing(of: name, on: value) {
    case .supported: return .method(BoundMethod(value, name))
    case .unsafe: return .undefined(.unsafe(of: value.typeName, name))
    case .unsupported:
      throw Problem(
        .unsupported, "'\(name)' of a value of type \(value.typeName) is not supported")
    case .unknown: return nil
    }
  }

  private func loopAttribute(_ name: String, of loop: LoopValue) throws(Problem) -> Value? {
    let (index, count) = (loop.index, loop.items.count)
    switch name {
    case "index": return .integer(index + 1)
    case "index0": return .integer(index)
    case "revindex": return .integer(count - index)
    case "revindex0": return .integer(count - index - 1)
    case "first": return .boolean(index == 0)
    case "last": return .boolean(index == count - 1)
    case "length": return .integer(count)
    case "depth": return .integer(1)
    case "depth0": return .integer(0)
    case "previtem":
      return index > 0 ? loop.items[index - 1] : .undefined(.other("there is no previous item"))
    case "nextitem":
      return index + 1 < count
        ? loop.items[index + 1] : .undefined(.other("there is no next item"))
    case "cycle", "changed": return .method(BoundMethod(.loop(loop), name))
    default: return nil
    }
  }

  // MARK: - Slices

  func slice(
    of value: Value, start: Value, stop: Value, step: Value
  ) throws(Problem) -> Value {
    func bound(_ value: Value) throws(Problem) -> Int? {
      if case .none = value { return nil }
      guard let number = value.wholeNumber else {
        throw Problem(.failed, "the bounds of a slice must be whole numbers")
      }
      return number
    }
    if case .undefined(let undefined) = value { throw Problem(.failed, undefined.sentence) }
    let count: Int
    switch value {
    case .text(let text):
      try self.step(bytes: text.bytes.count)
      count = text.count
    case .sequence(let sequence) where !sequence.isView: count = sequence.items.count
    default: return .undefined(.item(of: value.typeName))
    }
    // A longer step than there are elements is as good as one of their number.
    let stride = min(max(try bound(step) ?? 1, -count - 1), count + 1)
    guard stride != 0 else { throw Problem(.failed, "the step of a slice must not be zero") }
    let (lowest, highest) = stride > 0 ? (0, count) : (-1, count - 1)
    func place(_ bound: Int?, _ standard: Int) -> Int {
      guard let bound else { return standard }
      let place = bound < 0 ? (bound < -count ? lowest : bound + count) : bound
      return min(max(place, lowest), highest)
    }
    let first = place(try bound(start), stride > 0 ? 0 : count - 1)
    let end = place(try bound(stop), stride > 0 ? count : -1)
    if case .text(let text) = value, stride == 1 {
      return .text(first < end ? text.slice(first..<end) : .empty)
    }
    let places = Array(Swift.stride(from: first, to: end, by: stride))
    try self.step(elements: places.count)
    switch value {
    case .text(let text):
      let characters = text.characters
      return .text(try joined(places.map { characters[$0] }, separator: .empty))
    case .sequence(let sequence):
      var kind = sequence.kind
      if case .range(let base, _, let pace) = kind {
        kind = .range(
          start: base &+ first &* pace, stop: base &+ end &* pace, step: pace &* stride)
      }
      return .sequence(
        try SequenceValue(kind == .group ? .tuple : kind, places.map { sequence.items[$0] }))
    default: return .undefined(.item(of: value.typeName))
    }
  }
}
