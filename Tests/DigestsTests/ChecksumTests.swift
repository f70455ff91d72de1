import Digests
import Testing

@Suite struct ChecksumTests {
  /// FIPS 180-4's example of one block.
  private static let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

  @Test func isThatOfTheStandard() {
    let checksum = Array("abc".utf8).withUnsafeBytes { Checksum(of: $0) }
    #expect(checksum.hexadecimal == Self.abc)
    #expect(Checksum(hexadecimal: Self.abc) == checksum)
  }

  @Test func leadingZerosStay() throws {
    let text = "000000000000000f" + String(repeating: "0", count: 48)
    #expect(try #require(Checksum(hexadecimal: text)).hexadecimal == text)
  }

  @Test(arguments: [
    "", String(abc.dropLast()), abc + "0", abc.uppercased(), "g" + abc.dropFirst(),
    "é" + abc.dropFirst(2),
  ])
  func otherTextIsNone(text: String) {
    #expect(Checksum(hexadecimal: text) == nil)
  }
}
