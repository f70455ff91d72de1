import Kernels

/// A linear layer by its definition, in Float64: the frozen twin of the fast paths.
package enum ReferenceLinear {
  /// - Parameter inputs: `[tokens][weights.inputs]`.
  /// - Returns: `[tokens][weights.outputs]`.
  package static func multiply(_ weights: WeightMatrix, inputs: [Float]) -> [Double] {
    let tokens = inputs.count / weights.inputs
    let elements = weights.floats
    var output = [Double](repeating: 0, count: tokens * weights.outputs)
    for token in 0..<tokens {
      for row in 0..<weights.outputs {
        var sum = weights.bias.isEmpty ? 0 : Double(weights.bias[row])
        for i in 0..<weights.inputs {
          sum +=
            Double(elements[row * weights.inputs + i])
            * Double(inputs[token * weights.inputs + i])
        }
        output[token * weights.outputs + row] = sum
      }
    }
    return output
  }

  /// `outputs[token][o]` as a plain float32 loop computes it, to know what that loses, and the sums
  /// of the magnitudes of all terms.
  ///
  /// - Parameter initial: what is there before.
  package static func multiplyInFloat32(
    _ weights: WeightMatrix, inputs: [Float], initial: Float = 0
  ) -> (outputs: [Float], magnitudes: [Double]) {
    let elements = weights.floats
    var outputs: [Float] = []
    var magnitudes: [Double] = []
    for token in 0..<inputs.count / weights.inputs {
      for row in 0..<weights.outputs {
        var sum: Float = 0
        var magnitude = abs(initial)
        for i in 0..<weights.inputs {
          let term = elements[row * weights.inputs + i] * inputs[token * weights.inputs + i]
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
