/// The tokens of single characters beyond ASCII, by the bytes of the character. A hash table with
/// open addressing.
struct CharacterTable: Sendable {
  private struct Slot: BitwiseCopyable {
    /// 0 where the place is free.
    var code: UInt32 = 0
    var token: Int32 = -1
  }

  private let slots: FixedBuffer<Slot>
  private let mask: Int

  /// `characters`: each of 2 to 4 bytes of UTF-8, no two the same.
  init(_ characters: [(bytes: ArraySlice<UInt8>, token: Int32)]) {
    var capacity = 16
    while capacity < 2 * characters.count { capacity *= 2 }
    slots = FixedBuffer(repeating: Slot(), count: capacity)
    mask = capacity - 1
    for (bytes, token) in characters {
      let code = bytes.withUnsafeBufferPointer { Self.code($0.baseAddress!, $0.count) }
      slots[place(of: code)] = Slot(code: code, token: token)
    }
  }

  /// A character's bytes as one number, never 0.
  @inline(__always)
  static func code(_ character: UnsafePointer<UInt8>, _ length: Int) -> UInt32 {
    var code: UInt32 = 0
    for offset in 0..<length { code = code << 8 | UInt32(character[offset]) }
    return code
  }

  /// The token of a character, or -1.
  @inline(__always)
  subscript(code: UInt32) -> Int32 { slots[place(of: code)].token }

  @inline(__always)
  private func place(of code: UInt32) -> Int {
    var index = Int(truncatingIfNeeded: (UInt64(code) &* 0x9e37_79b9_7f4a_7c15) >> 40) & mask
    while slots[index].code != code, slots[index].code != 0 { index = (index + 1) & mask }
    return index
  }
}
