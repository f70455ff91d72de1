import Kernels

/// The three projections of one layer's MLP, down(activation(gate(x)) · up(x)), each with a bias where
/// the configuration has `mlpBias`.
public struct MLPWeights: Sendable {
  /// `[intermediateSize][hiddenSize]`
  public let gate: WeightMatrix
  /// `[intermediateSize][hiddenSize]`
  public let up: WeightMatrix
  /// `[hiddenSize][intermediateSize]`
  public let down: WeightMatrix

  public init(gate: WeightMatrix, up: WeightMatrix, down: WeightMatrix) {
    self.gate = gate
    self.up = up
    self.down = down
  }

  /// In the order in which they are used.
  var matrices: [WeightMatrix] { [gate, up, down] }
}
