/// One decoder layer: x += attention(norm(x)), then x += mlp(norm(x)); where the configuration has
/// `outputNorms`, what is added passes a norm of its own.
public struct LayerWeights: Sendable {
  /// `[hiddenSize]`, the RMSNorm before attention.
  public let attentionNorm: [Float]
  public let attention: AttentionWeights
  /// `[hiddenSize]`, the RMSNorm of what attention adds; empty where there is none.
  public let attentionOutputNorm: [Float]
  /// `[hiddenSize]`, the RMSNorm before the MLP.
  public let mlpNorm: [Float]
  public let mlp: MLPWeights
  /// `[hiddenSize]`, the RMSNorm of what the MLP adds; empty where there is none.
  public let mlpOutputNorm: [Float]

  public init(
    attentionNorm: [Float], attention: AttentionWeights, attentionOutputNorm: [Float] = [],
    mlpNorm: [Float], mlp: MLPWeights, mlpOutputNorm: [Float] = []
  ) {
    self.attentionNorm = attentionNorm
    self.attention = attention
    self.attentionOutputNorm = attentionOutputNorm
    self.mlpNorm = mlpNorm
    self.mlp = mlp
    self.mlpOutputNorm = mlpOutputNorm
  }

  /// Elements of all norms.
  var normElements: Int {
    attentionNorm.count + attentionOutputNorm.count + mlpNorm.count + mlpOutputNorm.count
      + attention.queryNorm.count + attention.keyNorm.count
  }
}
