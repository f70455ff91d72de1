/// What filters take as `attribute`: names and numbers with dots between them.
struct AttributePath {
  /// Texts and whole numbers; none of them is the element itself.
  let parts: [Value]

  /// - Throws: `failed` if the value is neither a string nor a whole number.
  init(_ value: Value?) throws(Problem) {
    switch value {
    case nil, .some(Value.none): parts = []
    case .text(let text)?: parts = Self.parts(of: text)
    case .integer?: parts = value.map { [$0] } ?? []
    case let value?:
      throw Problem(
        .failed, "an attribute must be a string or a number, not a value of type \(value.typeName)")
    }
  }

  private init(_ text: Text) { parts = Self.parts(of: text) }

  /// Several paths with commas between them.
  static func list(_ value: Value?) throws(Problem) -> [AttributePath] {
    guard case .text(let text)? = value else { return [try AttributePath(value)] }
    return text.split(by: ",").map { AttributePath($0) }
  }

  private static func parts(of text: Text) -> [Value] {
    text.split(by: ".").map { part in
      let isNumber = !part.isEmpty && part.bytes.allSatisfy { (0x30...0x39).contains($0) }
      return isNumber ? Int(part.string).map { .integer($0) } ?? .text(part) : .text(part)
    }
  }
}

extension Interpreter {
  /// - Parameter standard: what stands for an element that is not there.
  func look(
    up path: AttributePath, in value: Value, default standard: Value? = nil
  ) throws(Problem) -> Value {
    var value = value
    for part in path.parts {
      try step()
      value = try item(part, of: value)
      if let standard, !standard.isNone, value.isUndefined { value = standard }
    }
    return value
  }
}
