/// IEEE 754's binary16: 5 bits of exponent, 11 bits of significand.
@frozen
public struct Half: BitwiseCopyable, Sendable, Equatable {
  public var bitPattern: UInt16

  @inlinable
  public init(bitPattern: UInt16) {
    self.bitPattern = bitPattern
  }

  /// The same number as a single; always exact. A NaN stays one.
  @inlinable
  public var float: Float {
    // A single's exponent is biased by 112 more. So the bits in a single's place are the number
    // times 2^-112, be it subnormal, and the product is exact.
    let magnitude = Float(bitPattern: UInt32(bitPattern & 0x7fff) << 13) * 0x1p112
    // Infinities and NaNs have the greatest exponent in both.
    let special: UInt32 = bitPattern & 0x7c00 == 0x7c00 ? 0x7f80_0000 : 0
    let sign = UInt32(bitPattern & 0x8000) << 16
    return Float(bitPattern: magnitude.bitPattern | special | sign)
  }
}
