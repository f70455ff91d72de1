import Glibc

/// A linear layer by its definition, in Float64: the frozen twin of the fast paths.
public enum ReferenceLinear {
  /// - Parameter inputs: `[tokens][weights.inputs]`.
  /// - Returns: `[tokens][weights.outputs]`.
  public static func multiply(_ weights: WeightMatrix, inputs: [Float]) -> [Double] {
    let tokens = inputs.count / weights.inputs
    var output = [Double](repeating: 0, count: tokens * weights.outputs)
    for token in 0..<tokens {
      for row in 0..<weights.outputs {
        var sum = weights.bias.isEmpty ? 0 : Double(weights.bias[row])
        for i in 0..<weights.inputs {
          sum += weights.element(row, i) * Double(inputs[token * weights.inputs + i])
        }
        output[token * weights.outputs + row] = sum
      }
    }
    return output
  }
}

extension WeightMatrix {
  /// One weight, exactly.
  public func element(_ output: Int, _ input: Int) -> Double {
    let index = output * inputs + input
    return switch precision {
    case .bf16: Double(elements.assumingMemoryBound(to: BFloat16.self)[index].float)
    case .fp32: Double(elements.assumingMemoryBound(to: Float.self)[index])
    }
  }
}

func exponential(_ x: Double) -> Double { exp(x) }

func hyperbolicTangent(_ x: Double) -> Double { tanh(x) }
