import Kernels

extension WeightMatrix {
  /// The weights, exactly: `[outputs · inputs]`.
  package var floats: [Float] {
    guard !WeightFormat.quantized.contains(format) else {
      return (0..<outputs).flatMap { blocks(ofRow: $0).flatMap(\.floats) }
    }
    let offsets = (0..<outputs * inputs).lazy.map { $0 * format.bytesPerBlock }
    return switch format {
    case .bfloat16:
      offsets.map {
        BFloat16(bitPattern: elements.loadUnaligned(fromByteOffset: $0, as: UInt16.self)).float
      }
    case .float32: offsets.map { elements.loadUnaligned(fromByteOffset: $0, as: Float.self) }
    default: preconditionFailure("the twins do not know the format \(format)")
    }
  }
}
