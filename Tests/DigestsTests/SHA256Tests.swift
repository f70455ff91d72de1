import Digests
import Testing

@Suite struct SHA256Tests {
  /// FIPS 180-4's example, in pieces.
  @Test func piecesMakeOneDigest() {
    var digest = SHA256()
    digest.update("a")
    Array("bc".utf8).withUnsafeBytes { digest.update($0) }
    #expect(digest.checksum == Checksum(of: "abc"))
    #expect(digest.checksum.hexadecimal.hasPrefix("ba7816bf8f01cfea"))
  }

  @Test func ofNothing() {
    let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    #expect(SHA256().checksum.hexadecimal == nothing)
    #expect(Checksum(of: UnsafeRawBufferPointer(start: nil, count: 0)).hexadecimal == nothing)
    #expect(Checksum(of: "").hexadecimal == nothing)
  }

  @Test func aCopyGoesOnByItself() {
    var one = SHA256()
    one.update("a")
    var other = one
    one.update("b")
    other.update("c")
    #expect(one.checksum == Checksum(of: "ab"))
    #expect(other.checksum == Checksum(of: "ac"))
  }
}
