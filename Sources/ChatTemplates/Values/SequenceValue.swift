/// A list, and what else has elements by number or a length: none of them ever changes.
final class SequenceValue {
  enum Kind: Equatable {
    case list
    case tuple
    /// What `groupby` gives: a tuple whose elements also are `grouper` and `list`.
    case group
    case range(start: Int, stop: Int, step: Int)
    case keys
    case values
    case items
  }

  let kind: Kind
  let items: [Value]
  let depth: Int

  /// - Throws: `limit` where there are too many elements or they are nested too deep.
  init(_ kind: Kind, _ items: [Value]) throws(Problem) {
    self.kind = kind
    self.items = items
    depth = try valueDepth(over: items)
  }

  var typeName: String {
    switch kind {
    case .list: "list"
    case .tuple, .group: "tuple"
    case .range: "range"
    case .keys: "dict_keys"
    case .values: "dict_values"
    case .items: "dict_items"
    }
  }

  var isView: Bool { kind == .keys || kind == .values || kind == .items }

  var isTuple: Bool { kind == .tuple || kind == .group }
}

/// The depth of a collection of these values.
func valueDepth(over items: [Value]) throws(Problem) -> Int {
  guard items.count <= Limits.elements else {
    throw Problem(.limit, "a collection has more than \(Limits.elements) elements")
  }
  var depth = 0
  for item in items { depth = max(depth, item.depth) }
  guard depth < Limits.valueDepth else {
    throw Problem(.limit, "values are nested deeper than \(Limits.valueDepth)")
  }
  return depth + 1
}

/// What most filters over sequences give: elements that can be gone through once.
final class GeneratorValue {
  let items: [Value]
  let depth: Int
  private var position = 0

  init(_ items: [Value]) throws(Problem) {
    self.items = items
    depth = try valueDepth(over: items)
  }

  func next() -> Value? {
    guard position < items.count else { return nil }
    defer { position += 1 }
    return items[position]
  }

  func rest() -> [Value] {
    defer { position = items.count }
    return Array(items[position...])
  }
}
