/// One decoder layer: x += attention(norm(x)), then x += mlp(norm(x)).
public struct LayerWeights: Sendable {
  /// `[hiddenSize]`, the RMSNorm before attention.
  public let attentionNorm: [Float]
  public let attention: AttentionWeights
  /// `[hiddenSize]`, the RMSNorm before the MLP.
  public let mlpNorm: [Float]
  public let mlp: MLPWeights

  public init(
    attentionNorm: [Float], attention: AttentionWeights, mlpNorm: [Float], mlp: MLPWeights
  ) {
    self.attentionNorm = attentionNorm
    self.attention = attention
    self.mlpNorm = mlpNorm
    self.mlp = mlp
  }
}
