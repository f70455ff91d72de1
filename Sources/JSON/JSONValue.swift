/// A value of a JSON text. An integer from -2^63 to 2^64 - 1 keeps all its digits; any other number is
/// rounded to a `Double`.
public enum JSONValue: Sendable {
  case null
  case boolean(Bool)
  case integer(Int)
  /// An integer above `Int.max`.
  case unsigned(UInt64)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)

  /// The value that a whole text stands for.
  ///
  /// Throws `JSONError`, whose sentence has no file.
  public init(parsing text: String) throws(JSONError) {
    do {
      self = try Array(text.utf8).withUnsafeBytes { try JSONParser.parse($0) }
    } catch let failure as JSONParser.Failure {
      throw JSONError("\(failure.problem), at byte \(failure.offset)")
    } catch {
      throw JSONError("\(error)")
    }
  }

  /// What the value is, for messages, such as `the string "abc"`.
  public var summary: String {
    switch self {
    case .null: "null"
    case .boolean(let value): "\(value)"
    case .integer(let value): "the number \(value)"
    case .unsigned(let value): "the number \(value)"
    case .number(let value): "the number \(value)"
    case .string(let value): "the string \"\(value.prefix(40))\(value.count > 40 ? "…" : "")\""
    case .array(let values): "an array of \(values.count)"
    case .object: "an object"
    }
  }
}
