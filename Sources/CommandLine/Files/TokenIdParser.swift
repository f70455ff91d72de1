/// Parses a JSON array of token ids in one pass over its bytes, and says which element is wrong.
struct TokenIdParser {
  struct Malformed: Error {
    let problem: String
  }

  private let json: [UInt8]
  private var position = 0

  init(_ json: [UInt8]) {
    self.json = json
  }

  /// The array, which must be all there is and hold at least one element.
  mutating func tokenIds() throws(Malformed) -> [Int32] {
    guard skipSpace() != nil else { throw Malformed(problem: "the file is empty") }
    guard skip("[") else { throw unexpected("a JSON array, beginning with '['") }
    guard !skip("]") else { throw Malformed(problem: "the array has no elements") }
    var ids: [Int32] = []
    // Most ids take five or six bytes with their comma.
    ids.reserveCapacity(json.count / 5)
    repeat { ids.append(try tokenId(index: ids.count)) } while skip(",")
    guard skip("]") else { throw unexpected("',' or ']' after element \(ids.count - 1)") }
    guard skipSpace() == nil else { throw unexpected("nothing after the array") }
    return ids
  }

  private mutating func tokenId(index: Int) throws(Malformed) -> Int32 {
    func wrong(_ what: String) -> Malformed {
      Malformed(
        problem: "element \(index) is \(what), expected a whole number from 0 to \(Int32.max)")
    }
    guard let first = skipSpace() else { throw wrong("missing") }
    switch first {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): break
    case UInt8(ascii: "-"): throw wrong("a negative number")
    case UInt8(ascii: "\""): throw wrong("a string")
    case UInt8(ascii: "["): throw wrong("an array")
    case UInt8(ascii: "{"): throw wrong("an object")
    case UInt8(ascii: "t"), UInt8(ascii: "f"): throw wrong("a truth value")
    case UInt8(ascii: "n"): throw wrong("null")
    case UInt8(ascii: ","), UInt8(ascii: "]"): throw wrong("missing")
    default: throw wrong("not JSON")
    }
    let start = position
    var value: Int32 = 0
    while position < json.count, case let digit = json[position] &- UInt8(ascii: "0"), digit < 10 {
      let (tens, overflowed) = value.multipliedReportingOverflow(by: 10)
      let (sum, exceeded) = tens.addingReportingOverflow(Int32(digit))
      guard !overflowed && !exceeded else { throw wrong("too large") }
      value = sum
      position += 1
    }
    if position < json.count, [UInt8(ascii: "."), 0x45, 0x65].contains(json[position]) {
      throw wrong("written with a fraction or an exponent")
    }
    if json[start] == UInt8(ascii: "0") && position - start > 1 {
      throw wrong("written with leading zeros")
    }
    return value
  }

  /// Skips white space; the byte that then comes, or nil at the end.
  private mutating func skipSpace() -> UInt8? {
    while position < json.count {
      switch json[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      default: return json[position]
      }
    }
    return nil
  }

  /// Skips white space and then `character`, if it comes.
  private mutating func skip(_ character: Unicode.Scalar) -> Bool {
    guard skipSpace() == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private func unexpected(_ expected: String) -> Malformed {
    Malformed(problem: "expected \(expected) at byte \(position)")
  }
}
