import Files

/// Reads the header of a GGUF file from front to back; nothing is read past the end.
struct GGUFCursor {
  let path: String
  private let bytes: UnsafeRawBufferPointer
  private(set) var position = 0

  init(_ bytes: UnsafeRawBufferPointer, path: String) {
    self.bytes = bytes
    self.path = path
  }

  /// - Parameter what: what is read, for the message that it is cut short.
  mutating func integer<Integer: FixedWidthInteger & BitwiseCopyable>(
    _ type: Integer.Type, _ what: @autoclosure () -> String
  ) throws -> Integer {
    let start = try skip(MemoryLayout<Integer>.size, what())
    return Integer(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: Integer.self))
  }

  /// The place of a string's bytes.
  mutating func string(_ what: @autoclosure () -> String) throws -> Range<Int> {
    let count = try length(what())
    let start = try skip(count, what())
    return start..<start + count
  }

  /// A string that must be UTF-8.
  mutating func text(_ what: @autoclosure () -> String) throws -> String {
    let range = try string(what())
    guard
      let text = String(validating: UnsafeRawBufferPointer(rebasing: bytes[range]), as: UTF8.self)
    else {
      throw malformed("\(what()) is not UTF-8")
    }
    return text
  }

  /// A number of bytes or elements, each of at least one byte, that follow.
  mutating func length(_ what: @autoclosure () -> String) throws -> Int {
    let count = try integer(UInt64.self, what())
    guard count <= UInt64(bytes.count - position) else {
      throw malformed(
        "is cut short: \(what()) would have the length \(count), and \(bytes.count - position) bytes "
          + "follow")
    }
    return Int(count)
  }

  /// Steps over so many bytes and gives where they begin.
  @discardableResult
  mutating func skip(_ count: Int, _ what: @autoclosure () -> String) throws -> Int {
    guard count <= bytes.count - position else {
      throw malformed("is cut short: it ends within \(what())")
    }
    defer { position += count }
    return position
  }

  func malformed(_ problem: String) -> FileError {
    FileError(.malformed, "\(path): \(problem); fetch or convert the file again")
  }
}
