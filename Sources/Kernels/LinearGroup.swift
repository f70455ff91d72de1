/// Linear layers that read the same input; their outputs stand one after the other, in this order.
public struct LinearGroup: Sendable {
  public let matrices: [WeightMatrix]
  /// Of each of them.
  public let inputs: Int
  /// Of all matrices together.
  public let outputs: Int
  public let bytes: Int
  /// Floating-point operations for one input.
  public let flops: Double
  /// Elements of matrices and biases.
  public var parameters: Int {
    matrices.reduce(0) { $0 + $1.outputs * $1.inputs + $1.bias.count }
  }
  /// Whether all of them are stored in blocks of small integers.
  public var isQuantized: Bool { matrices.allSatisfy { $0.format.blocks != nil } }

  public init(_ matrices: WeightMatrix...) {
    precondition(
      matrices.allSatisfy { $0.inputs == matrices[0].inputs }, "one input for all matrices")
    self.matrices = matrices
    inputs = matrices[0].inputs
    outputs = matrices.reduce(0) { $0 + $1.outputs }
    bytes = matrices.reduce(0) { $0 + $1.bytes }
    flops = matrices.reduce(0) { $0 + $1.flops }
  }
}
