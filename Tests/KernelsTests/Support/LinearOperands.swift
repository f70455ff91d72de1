import Kernels

/// Random weights, bias and inputs, of which a layer of any size up to the largest uses the first
/// elements.
final class LinearOperands {
  let arithmetic: Arithmetic
  let weightPrecision: Precision
  private let weights: AlignedBuffer<UInt8>
  private let bias: [Float]

  /// Weights and inputs: those of the largest layer under test.
  static let largest = 600 * 4100
  private static let weightNumbers = normalNumbers(largest, seed: 11)
  private static let inputNumbers = normalNumbers(largest, seed: 13)

  /// - Parameter largest: the most weights that a matrix has.
  init(
    _ arithmetic: Arithmetic, weights precision: Precision, largest: Int = LinearOperands.largest
  ) {
    self.arithmetic = arithmetic
    weightPrecision = precision
    weights = AlignedBuffer(count: largest * precision.bytes)
    let memory = UnsafeMutableRawPointer(weights.pointer)
    for (index, element) in Self.weightNumbers.prefix(largest).enumerated() {
      switch precision {
      case .bf16: memory.assumingMemoryBound(to: BFloat16.self)[index] = BFloat16(element)
      case .fp32: memory.assumingMemoryBound(to: Float.self)[index] = element
      }
    }
    bias = normalNumbers(4096, seed: 12)
  }

  func matrix(outputs: Int, inputs: Int, hasBias: Bool) -> WeightMatrix {
    WeightMatrix(
      outputs: outputs, inputs: inputs, precision: weightPrecision,
      elements: UnsafeRawPointer(weights.pointer),
      bias: hasBias ? Array(bias[..<outputs]) : [], owner: self)
  }

  /// Padding behind each row is not zero: it must have no influence.
  func inputs(tokens: Int, columns: Int) -> MatrixInput {
    MatrixInput(
      arithmetic, Array(Self.inputNumbers[..<(tokens * columns)]), columns: columns, filling: 1000)
  }
}

extension LinearOperands {
  /// `outputs[token][o]` as a plain float32 loop computes it, to know what that loses, and the sums
  /// of the magnitudes of all terms.
  static func naive(_ weights: WeightMatrix, inputs: [Float], initial: Float)
    -> (outputs: [Float], magnitudes: [Double])
  {
    var outputs: [Float] = []
    var magnitudes: [Double] = []
    for token in 0..<inputs.count / weights.inputs {
      for row in 0..<weights.outputs {
        var sum: Float = 0
        var magnitude = abs(initial)
        for i in 0..<weights.inputs {
          let term = Float(weights.element(row, i)) * inputs[token * weights.inputs + i]
          sum += term
          magnitude += abs(term)
        }
        if !weights.bias.isEmpty {
          sum += weights.bias[row]
          magnitude += abs(weights.bias[row])
        }
        outputs.append(initial + sum)
        magnitudes.append(Double(magnitude))
      }
    }
    return (outputs, magnitudes)
  }
}
