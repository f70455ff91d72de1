import Foundation
import Kernels

/// Random blocks of a format of small integers whose weights are about as large as those of models.
package enum RandomBlocks {
  /// Where a block's scale stands and, where it has one, its minimum, each a float16; the standard
  /// deviation of its weights for a scale of 1; and the minimum that makes their mean 0 then.
  private struct Statistics {
    var scale: Int
    var deviation: Float
    var minimum: (offset: Int, perScale: Float)?
  }

  /// MXFP4 is not among them: its scale is a power of two.
  private static func statistics(of format: WeightFormat) -> Statistics {
    switch format {
    case .q8_0: Statistics(scale: 0, deviation: 74)
    case .q4_0: Statistics(scale: 0, deviation: 4.6)
    case .q4_1: Statistics(scale: 0, deviation: 4.6, minimum: (2, -7.5))
    case .q5_0: Statistics(scale: 0, deviation: 9.2)
    case .q5_1: Statistics(scale: 0, deviation: 9.2, minimum: (2, -15.5))
    case .q2_K: Statistics(scale: 80, deviation: 14, minimum: (82, 1.5))
    case .q3_K: Statistics(scale: 108, deviation: 43)
    case .q4_K: Statistics(scale: 0, deviation: 258, minimum: (2, 7.5))
    case .q5_K: Statistics(scale: 0, deviation: 526, minimum: (2, 15.5))
    case .q6_K: Statistics(scale: 208, deviation: 1367)
    case .iq4_NL: Statistics(scale: 0, deviation: 67)
    case .iq4_XS: Statistics(scale: 0, deviation: 1247)
    default: preconditionFailure("\(format) has no blocks with a scale in float16")
    }
  }

  package static func bytes(
    _ format: WeightFormat, count: Int, standardDeviation: Float, seed: UInt64
  ) -> [UInt8] {
    var random = SplitMix64(seed: seed)
    let size = format.bytesPerBlock
    var bytes = (0..<count * size).map { _ in UInt8(truncatingIfNeeded: random.next() >> 56) }
    for start in stride(from: 0, to: bytes.count, by: size) {
      let factor = Float(0.75 + random.nextUniform() / 2)
      if format == .mxfp4 {
        // The deviation is 6 for an exponent of 0.
        bytes[start] = UInt8(128 + Int(log2(standardDeviation * factor / 6).rounded()))
        continue
      }
      let statistics = statistics(of: format)
      let scale = standardDeviation * factor / statistics.deviation
      bytes.store(half: scale, at: start + statistics.scale)
      if let minimum = statistics.minimum {
        bytes.store(half: scale * minimum.perScale, at: start + minimum.offset)
      }
    }
    return bytes
  }

  /// A matrix of such blocks.
  package static func matrix(
    _ format: WeightFormat, outputs: Int, inputs: Int, bias: [Float] = [],
    standardDeviation: Float = 0.05, seed: UInt64
  ) -> WeightMatrix {
    let count = outputs * inputs / format.elementsPerBlock
    return WeightMatrix(
      format, outputs: outputs, inputs: inputs,
      bytes: bytes(format, count: count, standardDeviation: standardDeviation, seed: seed),
      bias: bias)
  }
}

extension [UInt8] {
  fileprivate mutating func store(half: Float, at offset: Int) {
    let bits = Float16(half).bitPattern
    self[offset] = UInt8(truncatingIfNeeded: bits)
    self[offset + 1] = UInt8(bits >> 8)
  }
}

extension WeightMatrix {
  /// A matrix that owns a copy of its rows.
  package init(
    _ format: WeightFormat, outputs: Int, inputs: Int, bytes: [UInt8], bias: [Float] = []
  ) {
    precondition(bytes.count == outputs * format.rowBytes(inputs: inputs))
    let memory = MatrixMemory(bytes)
    self.init(
      outputs: outputs, inputs: inputs, format: format, elements: memory.buffer.pointer,
      bias: bias, owner: memory)
  }

  /// The same weights in another format of numbers of their own, rounded where that is bfloat16.
  package func unpacked(to format: WeightFormat) -> WeightMatrix {
    let numbers = floats
    let bytes: [UInt8] =
      format == .bfloat16
      ? numbers.map { BFloat16($0) }.withUnsafeBytes { Array($0) }
      : numbers.withUnsafeBytes { Array($0) }
    return WeightMatrix(format, outputs: outputs, inputs: inputs, bytes: bytes, bias: bias)
  }
}

private final class MatrixMemory {
  let buffer: AlignedBuffer<UInt8>

  init(_ bytes: [UInt8]) {
    buffer = AlignedBuffer(count: bytes.count)
    bytes.withUnsafeBytes {
      UnsafeMutableRawPointer(buffer.pointer).copyMemory(
        from: $0.baseAddress!, byteCount: $0.count)
    }
  }
}
