import Files

/// The metadata of a GGUF file, with typed look-ups that check what they find.
///
/// Each look-up gives nil where the key is absent, and throws `FileError.malformed` where the value has
/// another type. Integers may have any width, as long as the value fits.
public struct GGUFMetadata: Sendable {
  public let path: String
  /// In the order of the file.
  public let keys: [String]
  private let values: [String: GGUFValue]
  private let file: MappedFile

  /// Reads `count` pairs from `cursor` on. Throws `FileError`.
  init(_ cursor: inout GGUFCursor, count: Int, file: MappedFile) throws {
    var keys: [String] = []
    var values: [String: GGUFValue] = [:]
    for index in 0..<count {
      let key = try cursor.text("the name of metadata key \(index)")
      guard values.updateValue(try GGUFValue(&cursor, of: key), forKey: key) == nil else {
        throw cursor.malformed("the metadata key \(key.debugDescription) occurs twice")
      }
      keys.append(key)
    }
    path = file.path
    self.keys = keys
    self.values = values
    self.file = file
  }

  public func contains(_ key: String) -> Bool { values[key] != nil }

  public func integer(_ key: String) throws -> Int? {
    try lookUp(key, "an integer", isArray: false) { try integers($0, key).first }
  }

  /// Any number; an integer counts too.
  public func number(_ key: String) throws -> Double? {
    try lookUp(key, "a number", isArray: false) { try numbers($0, key).first }
  }

  public func boolean(_ key: String) throws -> Bool? {
    try lookUp(key, "a boolean", isArray: false) { try booleans($0, key)?.first }
  }

  /// A string in UTF-8.
  public func string(_ key: String) throws -> String? {
    guard let bytes = try bytes(key) else { return nil }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw malformed("\(key.debugDescription) is not UTF-8")
    }
    return text
  }

  /// A string of any bytes.
  public func bytes(_ key: String) throws -> [UInt8]? {
    try lookUp(key, "a string", isArray: false) { value in
      value.type == .string ? strings(value).first : nil
    }
  }

  /// The length of an array of any type.
  public func count(_ key: String) throws -> Int? {
    try lookUp(key, "an array", isArray: true) { $0.count }
  }

  public func integers(_ key: String) throws -> [Int]? {
    try lookUp(key, "an array of integers", isArray: true) { try integers($0, key) }
  }

  public func numbers(_ key: String) throws -> [Double]? {
    try lookUp(key, "an array of numbers", isArray: true) { try numbers($0, key) }
  }

  public func booleans(_ key: String) throws -> [Bool]? {
    try lookUp(key, "an array of booleans", isArray: true) { try booleans($0, key) }
  }

  /// An array of strings of any bytes.
  public func byteStrings(_ key: String) throws -> [[UInt8]]? {
    try lookUp(key, "an array of strings", isArray: true) { value in
      value.type == .string ? strings(value) : nil
    }
  }

  /// Calls `body` with the bytes of each string of an array, and its index; false where the key is
  /// absent. The bytes are valid during the call.
  public func forEachString(
    _ key: String, _ body: (Int, UnsafeRawBufferPointer) -> Void
  ) throws -> Bool {
    try lookUp(key, "an array of strings", isArray: true) { value in
      guard value.type == .string else { return nil }
      var index = 0
      visit(value) {
        body(index, $0)
        index += 1
      }
      return true
    } ?? false
  }

  /// Whether there is an array under the key.
  func isArray(_ key: String) -> Bool { values[key]?.isArray ?? false }

  private func lookUp<Result>(
    _ key: String, _ expected: String, isArray: Bool, _ convert: (GGUFValue) throws -> Result?
  ) throws -> Result? {
    guard let value = values[key] else { return nil }
    if value.isArray == isArray, let result = try convert(value) { return result }
    throw malformed("\(key.debugDescription) is \(value.words), but \(expected) is expected")
  }

  func malformed(_ problem: String) -> FileError {
    FileError(.malformed, "\(path): \(problem); fetch or convert the file again")
  }

  // MARK: Values

  private func integers(_ value: GGUFValue, _ key: String) throws -> [Int] {
    func convert<Integer: FixedWidthInteger & BitwiseCopyable>(_: Integer.Type) throws -> [Int] {
      try elements(value, as: Integer.self).map {
        guard let integer = Int(exactly: Integer(littleEndian: $0)) else {
          throw malformed("\(key.debugDescription) is too large, with \($0)")
        }
        return integer
      }
    }
    switch value.type {
    case .uint8: return try convert(UInt8.self)
    case .int8: return try convert(Int8.self)
    case .uint16: return try convert(UInt16.self)
    case .int16: return try convert(Int16.self)
    case .uint32: return try convert(UInt32.self)
    case .int32: return try convert(Int32.self)
    case .uint64: return try convert(UInt64.self)
    case .int64: return try convert(Int64.self)
    case .float32, .float64, .boolean, .string, .array:
      throw malformed("\(key.debugDescription) has \(value.type.words) where integers are expected")
    }
  }

  private func numbers(_ value: GGUFValue, _ key: String) throws -> [Double] {
    switch value.type {
    case .float32:
      elements(value, as: UInt32.self).map { Double(Float(bitPattern: UInt32(littleEndian: $0))) }
    case .float64:
      elements(value, as: UInt64.self).map { Double(bitPattern: UInt64(littleEndian: $0)) }
    default: try integers(value, key).map(Double.init)
    }
  }

  private func booleans(_ value: GGUFValue, _ key: String) throws -> [Bool]? {
    guard value.type == .boolean else { return nil }
    return try elements(value, as: UInt8.self).map {
      guard $0 <= 1 else {
        throw malformed("\(key.debugDescription) is a boolean with the value \($0)")
      }
      return $0 == 1
    }
  }

  private func elements<Element: BitwiseCopyable>(
    _ value: GGUFValue, as type: Element.Type
  ) -> [Element] {
    (0..<value.count).map {
      file.bytes.loadUnaligned(
        fromByteOffset: value.start + $0 * MemoryLayout<Element>.size, as: Element.self)
    }
  }

  /// Their lengths were checked when the file was opened.
  private func visit(_ value: GGUFValue, _ body: (UnsafeRawBufferPointer) -> Void) {
    var start = value.start
    for _ in 0..<value.count {
      let count = Int(
        UInt64(littleEndian: file.bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self)))
      start += 8
      body(UnsafeRawBufferPointer(rebasing: file.bytes[start..<start + count]))
      start += count
    }
  }

  private func strings(_ value: GGUFValue) -> [[UInt8]] {
    var strings: [[UInt8]] = []
    visit(value) { strings.append(Array($0)) }
    return strings
  }
}
