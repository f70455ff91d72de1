/// What a question of many is called by: a text or an integer, which are never the same.
public enum QuestionID: Sendable, Codable, CustomStringConvertible {
  case text(String)
  case integer(Int)

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let number = try? container.decode(Int.self) {
      self = .integer(number)
    } else {
      self = .text(try container.decode(String.self))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .text(let text): try container.encode(text)
    case .integer(let number): try container.encode(number)
    }
  }

  /// As it stands in JSON, but that a long text is cut.
  public var description: String {
    switch self {
    case .text(let text): JSONText.string(text.count > 40 ? "\(text.prefix(40))…" : text)
    case .integer(let number): "\(number)"
    }
  }
}

extension QuestionID: Hashable {
  /// Texts are equal where their bytes are, as keys of JSON are; `String` takes "é" and "e" with a
  /// combining accent for one.
  public static func == (left: QuestionID, right: QuestionID) -> Bool {
    switch (left, right) {
    case (.text(let left), .text(let right)): left.utf8.elementsEqual(right.utf8)
    case (.integer(let left), .integer(let right)): left == right
    default: false
    }
  }

  public func hash(into hasher: inout Hasher) {
    switch self {
    case .text(var text): text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    case .integer(let number): hasher.combine(number)
    }
  }
}
