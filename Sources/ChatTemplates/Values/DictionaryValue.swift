/// A Python dictionary, in the order of its keys' first coming; it never changes.
final class DictionaryValue {
  let keys: [Value]
  let values: [Value]
  let depth: Int
  private let places: [DictionaryKey: Int]

  /// Of entries with equal keys the last value counts, in the first one's place.
  init(_ entries: [(key: Value, value: Value)]) throws(Problem) {
    var keys: [Value] = []
    var values: [Value] = []
    var places: [DictionaryKey: Int] = [:]
    for (key, value) in entries {
      let place = places[try DictionaryKey(key)]
      if let place {
        values[place] = value
      } else {
        places[try DictionaryKey(key)] = keys.count
        keys.append(key)
        values.append(value)
      }
    }
    self.keys = keys
    self.values = values
    self.places = places
    depth = try valueDepth(over: keys + values)
  }

  var count: Int { keys.count }

  var pairs: [(key: Value, value: Value)] { Array(zip(keys, values)) }

  /// - Throws: `failed` for a value that cannot be a key.
  subscript(key: Value) -> Value? {
    get throws(Problem) { places[try DictionaryKey(key)].map { values[$0] } }
  }

  subscript(name: String) -> Value? { places[.text(Text(name))].map { values[$0] } }
}

/// What Python hashes: numbers of equal value are one key, whatever their type.
enum DictionaryKey: Hashable {
  case none
  case undefined
  case integer(Int)
  case float(Double)
  case text(Text)
  case tuple([DictionaryKey])
  case object(ObjectIdentifier)

  init(_ value: Value) throws(Problem) {
    var budget = 10_000
    try self.init(value, &budget)
  }

  private init(_ value: Value, _ budget: inout Int) throws(Problem) {
    budget -= 1
    guard budget > 0 else { throw Problem(.limit, "a tuple is too large to be a key") }
    switch value {
    case .none: self = .none
    case .undefined: self = .undefined
    case .boolean(let value): self = .integer(value ? 1 : 0)
    case .integer(let value): self = .integer(value)
    case .float(let value):
      self = Int(exactly: value).map { .integer($0) } ?? .float(value)
    case .text(let text): self = .text(text)
    case .sequence(let sequence) where sequence.isTuple:
      var keys: [DictionaryKey] = []
      for item in sequence.items { keys.append(try DictionaryKey(item, &budget)) }
      self = .tuple(keys)
    case .macro(let macro): self = .object(ObjectIdentifier(macro))
    case .namespace(let namespace): self = .object(ObjectIdentifier(namespace))
    default:
      throw Problem(.failed, "a value of type \(value.typeName) cannot be a key or be compared")
    }
  }
}
