import Kernels
import Testing

struct BFloat16Tests {
  @Test func everyPatternComesBack() {
    for pattern in UInt16.min...UInt16.max {
      let single = BFloat16(bitPattern: pattern).float
      #expect(single.bitPattern == UInt32(pattern) << 16)
      let quiet = single.isNaN ? pattern | 0x0040 : pattern
      #expect(BFloat16(single).bitPattern == quiet, "pattern \(pattern)")
    }
  }

  /// Around every pair of neighbours: below, at and above the middle.
  @Test func roundsToNearestTiesToEven() {
    for pattern in UInt16(0)..<0x7f80 {
      let lower = UInt32(pattern) << 16
      let even = pattern & 1 == 0 ? pattern : pattern + 1
      for sign in [UInt16(0), 0x8000] {
        func rounded(_ offset: UInt32) -> UInt16 {
          BFloat16(Float(bitPattern: (lower + offset) | UInt32(sign) << 16)).bitPattern
        }
        guard rounded(0x0001) == pattern | sign, rounded(0x7fff) == pattern | sign,
          rounded(0x8000) == even | sign, rounded(0x8001) == (pattern + 1) | sign,
          rounded(0xffff) == (pattern + 1) | sign
        else {
          Issue.record("between patterns \(pattern) and \(pattern + 1), sign \(sign)")
          return
        }
      }
    }
  }

  @Test func keepsInfinitiesAndNaN() {
    #expect(BFloat16(.infinity).bitPattern == 0x7f80)
    #expect(BFloat16(-.infinity).bitPattern == 0xff80)
    #expect(BFloat16(.greatestFiniteMagnitude).float == .infinity)
    // A NaN whose payload lies in the lower half alone must not become an infinity.
    for pattern: UInt32 in [0x7f80_0001, 0xff80_0001, 0x7fff_ffff, 0x7fc0_0000, 0xffff_ffff] {
      #expect(BFloat16(Float(bitPattern: pattern)).float.isNaN, "pattern \(pattern)")
    }
  }
}
