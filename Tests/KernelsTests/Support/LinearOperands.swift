import Kernels

/// Random weights, bias and inputs, of which a layer of any size up to the largest uses the first
/// elements.
final class LinearOperands {
  let arithmetic: Arithmetic
  let format: WeightFormat
  private let weights: AlignedBuffer<UInt8>
  private let bias: [Float]

  /// Weights and inputs: those of the largest layer under test.
  static let largest = 600 * 4100
  private static let weightNumbers = normalNumbers(largest, seed: 11)
  private static let inputNumbers = normalNumbers(largest, seed: 13)

  /// - Parameter largest: the most weights that a matrix has.
  init(
    _ arithmetic: Arithmetic, weights format: WeightFormat, largest: Int = LinearOperands.largest
  ) {
    self.arithmetic = arithmetic
    self.format = format
    weights = AlignedBuffer(count: largest * format.bytesPerBlock)
    let memory = UnsafeMutableRawPointer(weights.pointer)
    for (index, element) in Self.weightNumbers.prefix(largest).enumerated() {
      switch format {
      case .bfloat16: memory.assumingMemoryBound(to: BFloat16.self)[index] = BFloat16(element)
      case .float32: memory.assumingMemoryBound(to: Float.self)[index] = element
      default: preconditionFailure("no operands of the format \(format)")
      }
    }
    bias = normalNumbers(4096, seed: 12)
  }

  func matrix(outputs: Int, inputs: Int, hasBias: Bool) -> WeightMatrix {
    WeightMatrix(
      outputs: outputs, inputs: inputs, format: format,
      elements: UnsafeRawPointer(weights.pointer),
      bias: hasBias ? Array(bias[..<outputs]) : [], owner: self)
  }

  /// Padding behind each row is not zero: it must have no influence.
  func inputs(tokens: Int, columns: Int) -> MatrixInput {
    MatrixInput(
      arithmetic, Array(Self.inputNumbers[..<(tokens * columns)]), columns: columns, filling: 1000)
  }
}
