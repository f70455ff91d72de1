/// A setting's value as far as settings are compared, whatever it is stored in.
public enum ConfigurationValue: Equatable, Sendable {
  case null
  case boolean(Bool)
  case number(Double)
  case string(String)
  case list([ConfigurationValue])
  /// Of an object no more counts than whether it has members.
  case object(isEmpty: Bool)
}

extension ConfigurationValue: CustomStringConvertible {
  /// As it may stand in a message: short, and on one line.
  public var description: String {
    switch self {
    case .null: "null"
    case .boolean(let value): "\(value)"
    case .number(let value): Int(exactly: value).map { "\($0)" } ?? "\(value)"
    case .string(let value): quoted(value)
    case .list(let elements): elements.isEmpty ? "[]" : "[…]"
    case .object(let isEmpty): isEmpty ? "{}" : "{…}"
    }
  }
}

extension ConfigurationValue: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByStringLiteral
{
  public init(booleanLiteral value: Bool) { self = .boolean(value) }
  public init(integerLiteral value: Int) { self = .number(Double(value)) }
  public init(stringLiteral value: String) { self = .string(value) }
}
