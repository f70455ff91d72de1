import SystemPackage

// The name of a file is bytes, a command line, a message and JSON are text. So that every name has a
// text and every text one name, a byte that is no UTF-8 is spelled as a character of the private use
// area, as Python's `surrogateescape` spells it as a surrogate, which Swift's text cannot hold. The bytes
// of such a character in a name are spelled the same way.

extension FilePath {
  /// The path that `text` spells; see `String.init(spelling:)`.
  public init(text: String) {
    guard text.unicodeScalars.contains(where: { $0.spelledByte != nil }) else {
      self.init(text)
      return
    }
    var bytes: [CInterop.PlatformChar] = []
    for scalar in text.unicodeScalars {
      if let byte = scalar.spelledByte {
        bytes.append(CChar(bitPattern: byte))
      } else {
        bytes += UTF8.encode(scalar)!.map { CChar(bitPattern: $0) }
      }
    }
    self.init(platformString: bytes + [0])
  }

  /// The text from which `init(text:)` makes this path again.
  public var text: String {
    withPlatformString { String(spelling: UnsafeBufferPointer(start: $0, count: length)) }
  }
}

extension String {
  /// The bytes of a name, such as an argument of the program, as text: what is UTF-8 is itself, every
  /// other byte one character of its own.
  public init(spelling name: some Collection<CChar>) {
    let bytes = name.map { UInt8(bitPattern: $0) }
    self = ""
    var index = 0
    while index < bytes.count {
      let scalar = Self.scalar(in: bytes[index...])
      unicodeScalars.append(scalar ?? Unicode.Scalar(spelling: bytes[index]))
      index += scalar.map { UTF8.width($0) } ?? 1
    }
  }

  /// The character with which `bytes` begin; nil where they begin with none, or with one that spells a
  /// byte.
  private static func scalar(in bytes: ArraySlice<UInt8>) -> Unicode.Scalar? {
    var decoder = UTF8()
    var iterator = bytes.prefix(4).makeIterator()
    guard case .scalarValue(let scalar) = decoder.decode(&iterator), scalar.spelledByte == nil
    else {
      return nil
    }
    return scalar
  }
}

extension Unicode.Scalar {
  private static let spellings: ClosedRange<UInt32> = 0x10_FF80...0x10_FFFF

  fileprivate init(spelling byte: UInt8) {
    self.init(0x10_FF00 + UInt32(byte))!
  }

  /// The byte that this character of a text spells; nil where it stands for itself.
  public var spelledByte: UInt8? {
    Self.spellings.contains(value) ? UInt8(truncatingIfNeeded: value) : nil
  }
}
