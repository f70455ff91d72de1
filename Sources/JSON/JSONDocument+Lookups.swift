/// All look-ups throw `JSONError`, naming file, key, what was found and what was
/// expected.
extension JSONDocument {
  /// An integer within `range`. A number like `4096.0` is one too; 0.5 is not.
  public func integerIfPresent(
    _ key: String, in range: ClosedRange<Int> = .min ... .max
  ) throws -> Int? {
    try lookUp(key, expecting: Self.describe(range)) { value in
      value.integer.flatMap { range.contains($0) ? $0 : nil }
    }
  }

  public func integer(_ key: String, in range: ClosedRange<Int> = .min ... .max) throws -> Int {
    try required(integerIfPresent(key, in: range), key, Self.describe(range))
  }

  /// An integer from 0 to 2^64 - 1.
  public func unsignedIntegerIfPresent(_ key: String) throws -> UInt64? {
    try lookUp(key, expecting: "an integer from 0 to \(UInt64.max)") { value in
      if case .unsigned(let value) = value { return value }
      return value.integer.flatMap { UInt64(exactly: $0) }
    }
  }

  public func integersIfPresent(_ key: String) throws -> [Int]? {
    try lookUpArray(key, of: "integer", \.integer)
  }

  public func integers(_ key: String) throws -> [Int] {
    try required(integersIfPresent(key), key, "an array of integers")
  }

  /// An array of integers, or one integer that stands for an array of one, as in `eos_token_id`.
  public func integerOrIntegersIfPresent(_ key: String) throws -> [Int]? {
    try lookUp(key, expecting: "an integer or an array of integers") { value in
      if let integer = value.integer { return [integer] }
      guard case .array = value else { return nil }
      return try integersIfPresent(key)
    }
  }

  public func numberIfPresent(_ key: String) throws -> Double? {
    try lookUp(key, expecting: "a number", \.number)
  }

  public func number(_ key: String) throws -> Double {
    try required(numberIfPresent(key), key, "a number")
  }

  public func numbersIfPresent(_ key: String) throws -> [Double]? {
    try lookUpArray(key, of: "number", \.number)
  }

  public func numbers(_ key: String) throws -> [Double] {
    try required(numbersIfPresent(key), key, "an array of numbers")
  }

  public func booleanIfPresent(_ key: String) throws -> Bool? {
    try lookUp(key, expecting: "true or false", \.boolean)
  }

  public func boolean(_ key: String) throws -> Bool {
    try required(booleanIfPresent(key), key, "true or false")
  }

  public func booleansIfPresent(_ key: String) throws -> [Bool]? {
    try lookUpArray(key, of: "boolean", \.boolean)
  }

  public func booleans(_ key: String) throws -> [Bool] {
    try required(booleansIfPresent(key), key, "an array of booleans")
  }

  public func stringIfPresent(_ key: String) throws -> String? {
    try lookUp(key, expecting: "a string", \.string)
  }

  public func string(_ key: String) throws -> String {
    try required(stringIfPresent(key), key, "a string")
  }

  public func stringsIfPresent(_ key: String) throws -> [String]? {
    try lookUpArray(key, of: "string", \.string)
  }

  public func strings(_ key: String) throws -> [String] {
    try required(stringsIfPresent(key), key, "an array of strings")
  }

  /// The object under `key`.
  public func objectIfPresent(_ key: String) throws -> JSONDocument? {
    try lookUp(key, expecting: "an object") { value in
      guard case .object(let object) = value else { return nil }
      return nested(key, object)
    }
  }

  public func object(_ key: String) throws -> JSONDocument {
    try required(objectIfPresent(key), key, "an object")
  }

  /// The objects of the array under `key`.
  public func objectsIfPresent(_ key: String) throws -> [JSONDocument]? {
    try lookUpArray(key, of: "object", \.object)?.enumerated().map { index, object in
      nested("\(key)[\(index)]", object)
    }
  }

  public func objects(_ key: String) throws -> [JSONDocument] {
    try required(objectsIfPresent(key), key, "an array of objects")
  }

  private static func describe(_ range: ClosedRange<Int>) -> String {
    switch (range.lowerBound, range.upperBound) {
    case (.min, .max): "an integer"
    case (let lowest, .max): "an integer of at least \(lowest)"
    case (.min, let highest): "an integer of at most \(highest)"
    case (let lowest, let highest): "an integer from \(lowest) to \(highest)"
    }
  }
}

extension JSONValue {
  fileprivate var integer: Int? {
    switch self {
    case .integer(let value): value
    // Beyond 2^53 a `Double` may stand for an integer that the file did not say.
    case .number(let value): value.magnitude <= 0x1p53 ? Int(exactly: value) : nil
    default: nil
    }
  }

  fileprivate var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .unsigned(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  fileprivate var boolean: Bool? {
    if case .boolean(let value) = self { value } else { nil }
  }

  fileprivate var string: String? {
    if case .string(let value) = self { value } else { nil }
  }

  fileprivate var object: JSONObject? {
    if case .object(let value) = self { value } else { nil }
  }
}
