/// An object of a JSON file, such as `config.json`, with typed look-ups that check what they find.
///
/// Each look-up comes twice: `integer("key")` wants the key, `integerIfPresent("key")` gives nil
/// where it is absent. A key whose value is `null` counts as absent. A wrong type is an error in
/// both: `true` is no integer, 1 is no boolean, and nothing is converted, but that an integer is
/// also a number.
public struct JSONDocument: Sendable {
  /// The file, for messages.
  public let path: String
  /// The way from the file's root to this object, such as `text_config.rope_scaling.`; empty at the
  /// root.
  public let prefix: String
  /// The object itself, for what the look-ups do not offer.
  public let object: JSONObject

  /// Reads an object that stands in `bytes`; `path` names its origin in messages.
  ///
  /// Throws `JSONError` where the text is no JSON object in UTF-8, repeats a key, has half of a
  /// surrogate pair in a string or is nested deeper than 128.
  public init(bytes: UnsafeRawBufferPointer, path: String) throws {
    try self.init(bytes: bytes, path: path) { failure in
      let line = 1 + bytes.prefix(failure.offset).count { $0 == 0x0a }
      return "\(path): malformed JSON in line \(line) (byte \(failure.offset)): "
        + "\(failure.problem); repair the file or fetch it again"
    }
  }

  /// Reads one line of a file of JSON lines; messages name it as `path:line`.
  ///
  /// Throws `JSONError` as `init(bytes:path:)`.
  public init(line number: Int, bytes: UnsafeRawBufferPointer, path: String) throws {
    try self.init(bytes: bytes, path: "\(path):\(number)") { failure in
      "\(path):\(number):\(failure.offset + 1): malformed JSON: \(failure.problem); "
        + "correct the line"
    }
  }

  private init(
    bytes: UnsafeRawBufferPointer, path: String,
    sentence: (JSONParser.Failure) -> String
  ) throws {
    let value: JSONValue
    do {
      value = try JSONParser.parse(bytes)
    } catch let failure as JSONParser.Failure {
      throw JSONError(sentence(failure))
    }
    guard case .object(let object) = value else {
      throw JSONError("\(path): a JSON object is expected, not \(value.summary); repair the file")
    }
    self.init(path: path, prefix: "", object: object)
  }

  /// What a file stands for that is no JSON text.
  public init(path: String, object: JSONObject) {
    self.init(path: path, prefix: "", object: object)
  }

  private init(path: String, prefix: String, object: JSONObject) {
    self.path = path
    self.prefix = prefix
    self.object = object
  }

  /// All keys in the order of the file, those with `null` included.
  public var keys: [String] { object.members.map(\.key) }

  /// Whether `key` is there and not `null`.
  public func contains(_ key: String) -> Bool {
    value(key) != nil
  }

  /// The value of `key` as `convert` reads it, or nil where it is absent. Throws where `convert`
  /// gives nil.
  func lookUp<Result>(
    _ key: String, expecting expected: String, _ convert: (JSONValue) throws -> Result?
  ) throws -> Result? {
    guard let value = value(key) else { return nil }
    if let result = try convert(value) { return result }
    throw JSONError(
      "\(path): \"\(prefix)\(key)\" is \(value.summary), but \(expected) is expected; correct "
        + "the file"
    )
  }

  /// Like `lookUp`, for an array whose every element `convert` reads.
  func lookUpArray<Element>(
    _ key: String, of expected: String, _ convert: (JSONValue) -> Element?
  ) throws -> [Element]? {
    try lookUp(key, expecting: "an array of \(expected)s") { value in
      guard case .array(let values) = value else { return nil }
      return try values.enumerated().map { index, value in
        guard let element = convert(value) else {
          throw JSONError(
            "\(path): \"\(prefix)\(key)[\(index)]\" is \(value.summary), but the array's "
              + "elements are expected to be of the type \(expected); correct the file")
        }
        return element
      }
    }
  }

  /// `value`, or the error that `key` is missing.
  func required<Result>(_ value: Result?, _ key: String, _ expected: String) throws -> Result {
    if let value { return value }
    throw JSONError("\(path): \"\(prefix)\(key)\" is missing, \(expected) is expected; add it")
  }

  /// The object under `key`, whose messages name the whole way to it.
  func nested(_ key: String, _ object: JSONObject) -> JSONDocument {
    JSONDocument(path: path, prefix: "\(prefix)\(key).", object: object)
  }

  /// The value of `key`, or nil where it is absent or `null`.
  public func value(_ key: String) -> JSONValue? {
    switch object[key] {
    case nil, .null: nil
    case let value?: value
    }
  }
}
