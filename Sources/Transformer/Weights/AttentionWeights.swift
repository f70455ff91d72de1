import Kernels

/// The projections of one layer's attention, and its norms and sinks where the configuration has them.
public struct AttentionWeights: Sendable {
  /// `[queryHeads · headDimension][hiddenSize]`
  public let query: WeightMatrix
  /// `[keyValueHeads · headDimension][hiddenSize]`
  public let key: WeightMatrix
  /// `[keyValueHeads · headDimension][hiddenSize]`; nil where values are what `key` gives.
  public let value: WeightMatrix?
  /// `[hiddenSize][queryHeads · headDimension]`
  public let output: WeightMatrix

  /// `[headDimension]`, the RMSNorm of each head's query, or `[queryHeads · headDimension]`, that of
  /// all together; empty where there is none.
  public let queryNorm: [Float]
  /// The same for keys.
  public let keyNorm: [Float]
  /// `[queryHeads]`, a score of each head that takes part in the softmax and has no value; empty
  /// where there are none.
  public let sinks: [Float]

  /// Queries, keys and values of one input, in this order; without values where keys are.
  let projections: LinearGroup
  /// The same of a token that does not attend.
  let keysAndValues: LinearGroup
  let outputProjection: LinearGroup

  public init(
    query: WeightMatrix, key: WeightMatrix, value: WeightMatrix?, output: WeightMatrix,
    queryNorm: [Float] = [], keyNorm: [Float] = [], sinks: [Float] = []
  ) {
    self.query = query
    self.key = key
    self.value = value
    self.output = output
    self.queryNorm = queryNorm
    self.keyNorm = keyNorm
    self.sinks = sinks
    projections = value.map { LinearGroup(query, key, $0) } ?? LinearGroup(query, key)
    keysAndValues = value.map { LinearGroup(key, $0) } ?? LinearGroup(key)
    outputProjection = LinearGroup(output)
  }
}
