/// The upper half of an IEEE 754 single: 8 bits of exponent, 8 bits of significand.
///
/// Conversion from `Float` rounds to nearest, ties to even; every NaN becomes a quiet one.
@frozen
public struct BFloat16: BitwiseCopyable, Sendable, Equatable {
  public var bitPattern: UInt16

  @inlinable
  public init(bitPattern: UInt16) {
    self.bitPattern = bitPattern
  }

  @inlinable
  public init(_ value: Float) {
    let bits = value.bitPattern
    if value.isNaN {
      bitPattern = UInt16(truncatingIfNeeded: bits >> 16) | 0x0040
    } else {
      bitPattern = UInt16(truncatingIfNeeded: (bits &+ 0x7fff &+ ((bits >> 16) & 1)) >> 16)
    }
  }

  /// The same number as a single; always exact.
  @inlinable
  public var float: Float {
    Float(bitPattern: UInt32(bitPattern) << 16)
  }
}
