import Files

/// The types of a GGUF file's metadata values, by their numbers.
enum GGUFValueType: UInt32, Sendable {
  case uint8, int8, uint16, int16, uint32, int32, float32, boolean, string, array, uint64, int64,
    float64

  /// The bytes of one value; nil where they differ.
  var byteCount: Int? {
    switch self {
    case .uint8, .int8, .boolean: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    case .string, .array: nil
    }
  }

  var words: String {
    switch self {
    case .boolean: "a boolean"
    case .string: "a string"
    case .array: "an array"
    case .float32, .float64: "a number"
    default: "an integer"
    }
  }
}

/// Where a metadata value lies, checked to lie within the file.
struct GGUFValue: Sendable {
  let type: GGUFValueType
  /// An array's elements; 1 for what is none.
  let count: Int
  let isArray: Bool
  /// Where the first one begins.
  let start: Int

  /// Steps over a value of any type. Throws `FileError`.
  init(_ cursor: inout GGUFCursor, of key: String) throws {
    let what = "the value of \(key.debugDescription)"
    let first = try Self.type(&cursor, what)
    isArray = first == .array
    type = isArray ? try Self.type(&cursor, what) : first
    guard type != .array else {
      throw FileError(
        .unsupported,
        "\(cursor.path): \(key.debugDescription) is an array of arrays, which is not supported; "
          + "convert the model again without it")
    }
    count = isArray ? try cursor.length(what) : 1
    start = cursor.position
    if let byteCount = type.byteCount {
      // A length is at most the file's, so the product is far from overflowing.
      try cursor.skip(count * byteCount, what)
    } else {
      for _ in 0..<count { _ = try cursor.string(what) }
    }
  }

  private static func type(_ cursor: inout GGUFCursor, _ what: String) throws -> GGUFValueType {
    let number = try cursor.integer(UInt32.self, what)
    guard let type = GGUFValueType(rawValue: number) else {
      throw cursor.malformed("\(what) has the unknown type \(number)")
    }
    return type
  }

  var words: String { isArray ? "an array of \(count)" : type.words }
}
