// e^x = 2^n · e^r with n = round(x / ln 2) and r = x − n · ln 2, so |r| ≤ ln 2 / 2. The Taylor polynomial of
// degree 13 misses e^r by less than |r|^14 / 14! < 5e-18, so what is lost is the rounding of its terms, an
// ulp or so. ln 2 is taken in two parts of which the first has so few bits that n times it is exact.
//
// The system's `exp` takes another way on another CPU; this is additions and multiplications alone, so
// that sums over a vocabulary are the same on all hosts of a job.

extension Double {
  private static let inverseLn2 = 1.442695040888963407
  private static let ln2High = 0x1.62e42fee00000p-1
  private static let ln2Low = 0x1.a39ef35793c76p-33
  /// To which a number is added to round it to a whole one, which the sum's lowest bits then are.
  private static let rounder = 0x1.8p52

  /// e to the power of this number, which is not above 0; 0 below −708, where a sum that has 1 in it
  /// does not notice. Of a NaN a NaN.
  package var exponentialOfNonPositive: Double {
    let shifted = self * Self.inverseLn2 + Self.rounder
    let whole = shifted - Self.rounder
    let rest = (self - whole * Self.ln2High) - whole * Self.ln2Low
    var sum = 1.0 / 6_227_020_800
    sum = sum * rest + 1.0 / 479_001_600
    sum = sum * rest + 1.0 / 39_916_800
    sum = sum * rest + 1.0 / 3_628_800
    sum = sum * rest + 1.0 / 362_880
    sum = sum * rest + 1.0 / 40_320
    sum = sum * rest + 1.0 / 5040
    sum = sum * rest + 1.0 / 720
    sum = sum * rest + 1.0 / 120
    sum = sum * rest + 1.0 / 24
    sum = sum * rest + 1.0 / 6
    sum = sum * rest + 0.5
    sum = sum * rest + 1
    sum = sum * rest + 1
    let power = Double(bitPattern: (shifted.bitPattern &+ 1023) << 52)
    return self < -708 ? 0 : sum * power
  }
}
