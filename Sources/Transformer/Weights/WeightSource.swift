import Kernels

/// A model's tensors by name, whatever they are stored in.
public protocol WeightSource {
  /// The tensor of that name.
  ///
  /// - Throws: if there is none, if it has another shape, or if its elements are not supported.
  func tensor(named name: String, shape: [Int]) throws -> TensorView
  /// The same of a matrix that is not to be rounded: as `TensorRequest.isExact` says.
  func exactTensor(named name: String, shape: [Int]) throws -> TensorView
}

extension WeightSource {
  /// For a source of which every tensor is as it was made.
  public func exactTensor(named name: String, shape: [Int]) throws -> TensorView {
    try tensor(named: name, shape: shape)
  }

  /// The vector `[count]` of that name, converted to float32.
  func vector(_ name: String, count: Int) throws -> [Float] {
    try tensor(named: name, shape: [count]).floats()
  }

  /// The matrix `[outputs][inputs]` called `name.weight`, in place, with `name.bias` where
  /// `hasBias` asks for it.
  func matrix(_ name: String, outputs: Int, inputs: Int, hasBias: Bool = false) throws
    -> WeightMatrix
  {
    try matrix(
      tensor(named: name + ".weight", shape: [outputs, inputs]),
      bias: hasBias ? vector(name + ".bias", count: outputs) : [])
  }

  /// The matrix `[experts][inputs]` of a router, as `matrix` gives it, but never rounded: its format is
  /// one of `WeightFormat.plain` in every precision.
  func router(_ name: String, outputs: Int, inputs: Int, hasBias: Bool = false) throws
    -> WeightMatrix
  {
    try matrix(
      exactTensor(named: name + ".weight", shape: [outputs, inputs]),
      bias: hasBias ? vector(name + ".bias", count: outputs) : [])
  }

  private func matrix(_ weight: TensorView, bias: [Float]) -> WeightMatrix {
    WeightMatrix(
      outputs: weight.shape[0], inputs: weight.shape[1], format: weight.format,
      elements: weight.elements, bias: bias, scales: weight.scales, owner: weight.owner)
  }
}
