import Kernels
import Testing

struct HalfTests {
  /// Every bit pattern, against the compiler's own type.
  @Test func everyHalfIsTheSameNumberAsASingle() {
    for bits in UInt16.min ... .max {
      let expected = Float(Float16(bitPattern: bits))
      let float = Half(bitPattern: bits).float
      if expected.isNaN {
        #expect(float.isNaN, "\(bits)")
      } else if float.bitPattern != expected.bitPattern {
        Issue.record("\(bits): \(float), not \(expected)")
      }
    }
  }
}
