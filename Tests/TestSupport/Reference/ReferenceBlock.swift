import Kernels

/// One block of a format of small integers by its description, number by number: the frozen twin of
/// the packing. Weight i is `scale * quant + minimum`, rounded to float32 twice.
package struct ReferenceBlock {
  package var quants: [Int32] = []
  /// Of each `weightsPerScale` weights.
  package var scales: [Float] = []
  /// As many, or none where the format has none.
  package var minimums: [Float] = []

  package var weightsPerScale: Int { quants.count / scales.count }

  package var floats: [Float] {
    quants.enumerated().map { index, quant in
      let place = index / weightsPerScale
      let product = scales[place] * Float(quant)
      return minimums.isEmpty ? product : product + minimums[place]
    }
  }

  /// 16 values of IQ4_NL and IQ4_XS, and twice those of an E2M1.
  private static let iq4Values: [Int32] = [
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
  ]
  private static let e2m1Values: [Int32] = [
    0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12,
  ]

  package init(_ format: WeightFormat, at elements: UnsafeRawPointer) {
    func byte(_ offset: Int) -> Int32 {
      Int32(elements.load(fromByteOffset: offset, as: UInt8.self))
    }
    func half(_ offset: Int) -> Float {
      Float(Float16(bitPattern: elements.loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
    }
    /// Some bits of a byte, from bit `from` on.
    func bits(_ count: Int32, _ offset: Int, from: Int) -> Int32 {
      (byte(offset) >> Int32(from)) & ((1 << count) - 1)
    }
    /// 16 bytes hold 32 numbers: the low halves those of the first 16.
    func nibble(_ offset: Int, _ i: Int) -> Int32 { bits(4, offset + i % 16, from: i / 16 * 4) }
    /// 32 bytes hold 128 numbers of 2 bits: the lowest of them the first 32.
    func pair(_ offset: Int, _ i: Int) -> Int32 {
      bits(2, offset + i / 128 * 32 + i % 32, from: i % 128 / 32 * 2)
    }
    /// 32 bytes hold 64 numbers of 4 bits: the low halves the first 32.
    func wideNibble(_ offset: Int, _ i: Int) -> Int32 {
      bits(4, offset + i / 64 * 32 + i % 32, from: i % 64 / 32 * 4)
    }
    func makeQuants(_ quant: (Int) -> Int32) {
      quants = (0..<format.elementsPerBlock).map(quant)
    }
    /// Those of Q4_K and Q5_K.
    func makeScalesOfSixBits() {
      for j in 0..<8 {
        let (scale, minimum) =
          j < 4
          ? (bits(6, 4 + j, from: 0), bits(6, 8 + j, from: 0))
          : (
            bits(4, 8 + j, from: 0) | bits(2, j, from: 6) << 4,
            bits(4, 8 + j, from: 4) | bits(2, 4 + j, from: 6) << 4
          )
        scales.append(half(0) * Float(scale))
        minimums.append(-(half(2) * Float(minimum)))
      }
    }

    switch format {
    case .q8_0:
      makeQuants { Int32(Int8(truncatingIfNeeded: byte(2 + $0))) }
      scales = [half(0)]
    case .q4_0:
      makeQuants { nibble(2, $0) - 8 }
      scales = [half(0)]
    case .q4_1:
      makeQuants { nibble(4, $0) }
      (scales, minimums) = ([half(0)], [half(2)])
    case .q5_0:
      makeQuants { (nibble(6, $0) | bits(1, 2 + $0 / 8, from: $0 % 8) << 4) - 16 }
      scales = [half(0)]
    case .q5_1:
      makeQuants { nibble(8, $0) | bits(1, 4 + $0 / 8, from: $0 % 8) << 4 }
      (scales, minimums) = ([half(0)], [half(2)])
    case .q2_K:
      makeQuants { pair(16, $0) }
      scales = (0..<16).map { half(80) * Float(bits(4, $0, from: 0)) }
      minimums = (0..<16).map { -(half(82) * Float(bits(4, $0, from: 4))) }
    case .q3_K:
      makeQuants { (pair(32, $0) | bits(1, $0 % 32, from: $0 / 32) << 2) - 4 }
      scales = (0..<16).map {
        let scale =
          bits(4, 96 + $0 % 8, from: $0 / 8 * 4) | bits(2, 104 + $0 % 4, from: $0 / 4 * 2) << 4
        return half(108) * Float(scale - 32)
      }
    case .q4_K:
      makeQuants { wideNibble(16, $0) }
      makeScalesOfSixBits()
    case .q5_K:
      makeQuants { wideNibble(48, $0) | bits(1, 16 + $0 % 32, from: $0 / 32) << 4 }
      makeScalesOfSixBits()
    case .q6_K:
      makeQuants {
        // 64 bytes hold 128 numbers of 4 bits: the low halves the first 64.
        let low = bits(4, $0 / 128 * 64 + $0 % 64, from: $0 % 128 / 64 * 4)
        return (low | pair(128, $0) << 4) - 32
      }
      scales = (0..<16).map { half(208) * Float(Int8(truncatingIfNeeded: byte(192 + $0))) }
    case .iq4_NL:
      makeQuants { Self.iq4Values[Int(nibble(2, $0))] }
      scales = [half(0)]
    case .iq4_XS:
      makeQuants { Self.iq4Values[Int(nibble(8 + $0 / 32 * 16, $0 % 32))] }
      scales = (0..<8).map {
        let scale =
          bits(4, 4 + $0 / 2, from: $0 % 2 * 4) | bits(2, 2 + $0 / 4, from: $0 % 4 * 2) << 4
        return half(0) * Float(scale - 32)
      }
    case .mxfp4:
      makeQuants { Self.e2m1Values[Int(nibble(1, $0))] }
      scales = [Float(sign: .plus, exponent: Int(byte(0)) - 128, significand: 1)]
    default:
      preconditionFailure("\(format) has no blocks of small integers")
    }
  }
}

extension WeightMatrix {
  /// The blocks of a row, in a format that has such.
  package func blocks(ofRow row: Int) -> [ReferenceBlock] {
    (0..<inputs / format.elementsPerBlock).map {
      ReferenceBlock(format, at: self.row(row) + $0 * format.bytesPerBlock)
    }
  }
}
