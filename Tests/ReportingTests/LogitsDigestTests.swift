import Reporting
import Testing

@Suite struct LogitsDigestTests {
  // The expected digest is Python's hashlib.sha256(struct.pack('<3f', 1, -0.0, 1.5e10)).
  @Test func isSHA256OverLittleEndianFloats() {
    var digest = LogitsDigest()
    #expect(
      digest.hexadecimal == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    digest.update(row: [1, -0.0, 1.5e10])
    #expect(
      digest.hexadecimal == "9af9a2fabaf178375e53e5508d606c1cccfd34fcd77d0abcfa6bd079ce824814")
  }

  @Test func followsTheBytesWhereverTheRowsEnd() {
    let logits = (0..<1000).map { Float($0) * 0.37 - 100 }
    var whole = LogitsDigest()
    whole.update(row: logits)
    for length in [1, 3, 16, 256, 999] {
      var rows = LogitsDigest()
      for start in stride(from: 0, to: logits.count, by: length) {
        logits[start..<min(start + length, logits.count)].withUnsafeBufferPointer {
          rows.update(row: $0)
        }
      }
      #expect(rows.hexadecimal == whole.hexadecimal, "rows of \(length)")
    }
  }

  @Test func tellsBitsApart() {
    var zero = LogitsDigest()
    var negativeZero = LogitsDigest()
    zero.update(row: [0])
    negativeZero.update(row: [-0.0])
    #expect(zero.hexadecimal != negativeZero.hexadecimal)
  }
}
