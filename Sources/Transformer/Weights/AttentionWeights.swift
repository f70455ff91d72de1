import Kernels

/// The four projections of one layer's attention, and the norms of its heads where the
/// configuration has `headNorms`.
public struct AttentionWeights: Sendable {
  /// `[queryHeads · headDimension][hiddenSize]`
  public let query: WeightMatrix
  /// `[keyValueHeads · headDimension][hiddenSize]`
  public let key: WeightMatrix
  /// `[keyValueHeads · headDimension][hiddenSize]`
  public let value: WeightMatrix
  /// `[hiddenSize][queryHeads · headDimension]`
  public let output: WeightMatrix

  /// `[headDimension]`, the RMSNorm of each head's query; empty where there is none.
  public let queryNorm: [Float]
  /// `[headDimension]`, the same for keys.
  public let keyNorm: [Float]

  /// Queries, keys and values of one input, in this order.
  let projections: LinearGroup
  let outputProjection: LinearGroup

  public init(
    query: WeightMatrix, key: WeightMatrix, value: WeightMatrix, output: WeightMatrix,
    queryNorm: [Float] = [], keyNorm: [Float] = []
  ) {
    self.query = query
    self.key = key
    self.value = value
    self.output = output
    self.queryNorm = queryNorm
    self.keyNorm = keyNorm
    projections = LinearGroup(query, key, value)
    outputProjection = LinearGroup(output)
  }
}
