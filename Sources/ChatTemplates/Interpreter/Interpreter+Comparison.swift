/// Equality, order and membership by Python's rules.
extension Interpreter {
  func compare(
    _ left: Value, _ operation: ComparisonOperator, _ right: Value
  ) throws(Problem) -> Bool {
    switch operation {
    case .equal: try isEqual(left, right)
    case .notEqual: !(try isEqual(left, right))
    case .contained: try contains(right, left)
    case .notContained: !(try contains(right, left))
    case .less, .lessOrEqual, .greater, .greaterOrEqual: try isOrdered(left, operation, right)
    }
  }

  func isEqual(_ left: Value, _ right: Value) throws(Problem) -> Bool {
    try step()
    switch (left, right) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.text(let left), .text(let right)):
      try step(bytes: min(left.bytes.count, right.bytes.count))
      return left == right
    case (.sequence(let left), .sequence(let right)):
      guard left.kind == right.kind || left.isTuple && right.isTuple else {
        if case (.range, .range) = (left.kind, right.kind) {
          return try isEqual(left.items, right.items)
        }
        return false
      }
      return left === right ? true : try isEqual(left.items, right.items)
    case (.dictionary(let left), .dictionary(let right)):
      if left === right { return true }
      guard left.count == right.count else { return false }
      for (key, value) in left.pairs {
        guard let other = try right[key], try isEqual(value, other) else { return false }
      }
      return true
    case (.namespace(let left), .namespace(let right)): return left === right
    case (.macro(let left), .macro(let right)): return left === right
    case (.generator(let left), .generator(let right)): return left === right
    case (.loop(let left), .loop(let right)): return left === right
    case (.function(let left), .function(let right)): return left == right
    case (.method(let left), .method(let right)):
      return left.name == right.name ? try isEqual(left.receiver, right.receiver) : false
    default:
      if let left = left.wholeNumber, let right = right.wholeNumber { return left == right }
      guard let left = left.number, let right = right.number else { return false }
      return left == right
    }
  }

  func isEqual(_ left: [Value], _ right: [Value]) throws(Problem) -> Bool {
    guard left.count == right.count else { return false }
    for (left, right) in zip(left, right) where !(try isEqual(left, right)) { return false }
    return true
  }

  private func isOrdered(
    _ left: Value, _ operation: ComparisonOperator, _ right: Value
  ) throws(Problem) -> Bool {
    try step()
    func holds<Ordered: Comparable>(_ left: Ordered, _ right: Ordered) -> Bool {
      switch operation {
      case .less: left < right
      case .lessOrEqual: left <= right
      case .greater: left > right
      default: left >= right
      }
    }
    if let left = left.wholeNumber, let right = right.wholeNumber { return holds(left, right) }
    if let left = left.number, let right = right.number { return holds(left, right) }
    switch (left, right) {
    case (.undefined(let undefined), _), (_, .undefined(let undefined)):
      throw Problem(.failed, undefined.sentence)
    case (.text(let left), .text(let right)):
      try step(bytes: min(left.bytes.count, right.bytes.count))
      // In UTF-8 the order of bytes is the order of code points.
      let place = zip(left.bytes, right.bytes).first { $0 != $1 }
      return place.map { holds($0.0, $0.1) } ?? holds(left.bytes.count, right.bytes.count)
    case (.sequence(let left), .sequence(let right))
    where left.kind == .list && right.kind == .list || left.isTuple && right.isTuple:
      for (left, right) in zip(left.items, right.items) where !(try isEqual(left, right)) {
        return try isOrdered(left, operation, right)
      }
      return holds(left.items.count, right.items.count)
    default:
      throw Problem(
        .failed,
        "values of types \(left.typeName) and \(right.typeName) have no order")
    }
  }

  /// Whether `element` is in `container`.
  func contains(_ container: Value, _ element: Value) throws(Problem) -> Bool {
    switch container {
    case .text(let text):
      guard case .text(let part) = element else {
        throw Problem(
          .failed, "only a string can be in a string, not a value of type \(element.typeName)")
      }
      try step(bytes: text.bytes.count + part.bytes.count)
      return text.find(part) != nil
    case .dictionary(let dictionary): return try dictionary[element] != nil
    case .sequence(let sequence):
      for item in sequence.items where try isEqual(item, element) { return true }
      return false
    case .generator(let generator):
      while let item = generator.next() { if try isEqual(item, element) { return true } }
      return false
    case .undefined: return false
    default:
      throw Problem(.failed, "nothing can be in a value of type \(container.typeName)")
    }
  }

  /// Sorted as Python does: stable, with errors where values have no order.
  func sorted(
    _ items: [Value], reversed isReversed: Bool = false, by key: (Value) throws(Problem) -> Value
  ) throws(Problem) -> [Value] {
    try step(elements: items.count)
    var entries: [(key: Value, item: Value)] = []
    for item in items { entries.append((try key(item), item)) }
    // A reversed sort keeps the order of equals: what is sorted is reversed before and after.
    if isReversed { entries.reverse() }
    var width = 1
    while width < entries.count {
      var merged: [(key: Value, item: Value)] = []
      merged.reserveCapacity(entries.count)
      for start in Swift.stride(from: 0, to: entries.count, by: 2 * width) {
        let middle = min(start + width, entries.count)
        let end = min(start + 2 * width, entries.count)
        var (left, right) = (start, middle)
        while left < middle || right < end {
          var takesRight = left == middle
          if !takesRight, right < end {
            takesRight = try compare(entries[right].key, .less, entries[left].key)
          }
          merged.append(entries[takesRight ? right : left])
          if takesRight { right += 1 } else { left += 1 }
        }
      }
      entries = merged
      width *= 2
    }
    if isReversed { entries.reverse() }
    return entries.map(\.item)
  }
}
