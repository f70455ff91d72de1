import Kernels

/// One decoder layer: x += attention(norm(x)), then x += feedForward(norm(x)), then x *= outputScale;
/// where the configuration has output norms, what is added passes a norm of its own.
public struct LayerWeights: Sendable {
  /// `[hiddenSize]`, the RMSNorm before attention.
  public let attentionNorm: [Float]
  public let attention: AttentionWeights
  /// `[hiddenSize]`, the RMSNorm of what attention adds; empty where there is none.
  public let attentionOutputNorm: [Float]
  /// `[hiddenSize]`, the RMSNorm before the feed-forward.
  public let feedForwardNorm: [Float]
  public let feedForward: any FeedForward
  /// `[hiddenSize]`, the RMSNorm of what the feed-forward adds; empty where there is none.
  public let feedForwardOutputNorm: [Float]
  /// What the residual stream is multiplied by in the end; 1 where there is nothing.
  public let outputScale: Float

  public init(
    attentionNorm: [Float], attention: AttentionWeights, attentionOutputNorm: [Float] = [],
    feedForwardNorm: [Float], feedForward: any FeedForward, feedForwardOutputNorm: [Float] = [],
    outputScale: Float = 1
  ) {
    self.attentionNorm = attentionNorm
    self.attention = attention
    self.attentionOutputNorm = attentionOutputNorm
    self.feedForwardNorm = feedForwardNorm
    self.feedForward = feedForward
    self.feedForwardOutputNorm = feedForwardOutputNorm
    self.outputScale = outputScale
  }

  /// Floating-point operations of its linear layers for one token.
  public var flopsPerToken: Double {
    attention.projections.flops + attention.outputProjection.flops + feedForward.flopsPerToken
  }

  /// Bytes of weights that are read for one token that runs alone.
  public var bytesPerToken: Int {
    attention.projections.bytes + attention.outputProjection.bytes + feedForward.bytesPerToken
  }

  /// Parameters that are used for one token.
  var activeParameters: Int {
    attention.projections.parameters + attention.outputProjection.parameters
      + feedForward.activeParameters + vectorElements - feedForward.vectorElements
  }

  /// In the order in which they are used.
  public var linearGroups: [LinearGroup] {
    [attention.projections, attention.outputProjection] + feedForward.linearLayers
  }

  /// In this order.
  var matrices: [WeightMatrix] { linearGroups.flatMap(\.matrices) }

  /// Elements of all norms and sinks.
  var vectorElements: Int {
    attentionNorm.count + attentionOutputNorm.count + feedForwardNorm.count
      + feedForwardOutputNorm.count + feedForward.vectorElements + attention.queryNorm.count
      + attention.keyNorm.count + attention.sinks.count
  }
}
