import Kernels

/// A model's tensors by name, whatever they are stored in.
public protocol WeightSource {
  /// The tensor of that name.
  ///
  /// - Throws: if there is none, if it has another shape, or if its elements are not supported.
  func tensor(named name: String, shape: [Int]) throws -> TensorView
}

extension WeightSource {
  /// The vector `[count]` of that name, converted to float32.
  func vector(_ name: String, count: Int) throws -> [Float] {
    try tensor(named: name, shape: [count]).floats()
  }

  /// The matrix `[outputs][inputs]` called `name.weight`, in place, with `name.bias` where
  /// `hasBias` asks for it.
  func matrix(_ name: String, outputs: Int, inputs: Int, hasBias: Bool = false) throws
    -> WeightMatrix
  {
    let weight = try tensor(named: name + ".weight", shape: [outputs, inputs])
    let bias = hasBias ? try vector(name + ".bias", count: outputs) : []
    return WeightMatrix(
      outputs: outputs, inputs: inputs, format: weight.format, elements: weight.elements,
      bias: bias, scales: weight.scales, owner: weight.owner)
  }
}
