/// A value that a template is given: what JSON can say, with the order of an object's keys.
public enum ChatValue: Equatable, Sendable {
  case null
  case boolean(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case array([ChatValue])
  /// Of several members with one key the last counts.
  case object([Member])

  public struct Member: Equatable, Sendable {
    public let key: String
    public let value: ChatValue

    public init(_ key: String, _ value: ChatValue) {
      self.key = key
      self.value = value
    }
  }

  /// The bytes of all texts in it.
  var textBytes: Int {
    switch self {
    case .null, .boolean, .integer, .number: 0
    case .string(let text): text.utf8.count
    case .array(let values): values.reduce(0) { $0 + $1.textBytes }
    case .object(let members):
      members.reduce(0) { $0 + $1.key.utf8.count + $1.value.textBytes }
    }
  }
}
