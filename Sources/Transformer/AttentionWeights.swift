import Kernels

/// The four projections of one layer's attention, each with a bias where the configuration has
/// `attentionBias`.
public struct AttentionWeights: Sendable {
  /// `[queryHeads · headDimension][hiddenSize]`
  public let query: WeightMatrix
  /// `[keyValueHeads · headDimension][hiddenSize]`
  public let key: WeightMatrix
  /// `[keyValueHeads · headDimension][hiddenSize]`
  public let value: WeightMatrix
  /// `[hiddenSize][queryHeads · headDimension]`
  public let output: WeightMatrix

  public init(query: WeightMatrix, key: WeightMatrix, value: WeightMatrix, output: WeightMatrix) {
    self.query = query
    self.key = key
    self.value = value
    self.output = output
  }

  /// In the order in which they are used.
  var matrices: [WeightMatrix] { [query, key, value, output] }
}
