import Kernels

extension WeightMatrix {
  /// The weights, exactly, or rounded to float32 where they have scales: `[outputs · inputs]`.
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
    case .fp8E4M3:
      (0..<outputs * inputs).map { index in
        let code = elements.load(fromByteOffset: index, as: UInt8.self)
        return Float8.numbers[Int(code)] * scales![index / inputs, index % inputs]
      }
    default: preconditionFailure("the twins do not know the format \(format)")
    }
  }
}
