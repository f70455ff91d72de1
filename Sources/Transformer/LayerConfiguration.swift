import Kernels

/// What may differ from one decoder layer to the next.
public struct LayerConfiguration: Equatable, Sendable {
  public let attention: AttentionConfiguration
  /// How queries and keys are rotated by their positions; nil in a layer without (NoPE).
  public internal(set) var rope: RoPEParameters?
  /// Which keys a query sees.
  public let pattern: AttentionPattern
  public let feedForward: FeedForwardConfiguration
  /// Whether the residual stream is multiplied by a number behind the feed-forward.
  public let hasOutputScale: Bool

  public init(
    attention: AttentionConfiguration, rope: RoPEParameters?, pattern: AttentionPattern = .causal,
    feedForward: FeedForwardConfiguration, hasOutputScale: Bool = false
  ) {
    self.attention = attention
    self.rope = rope
    self.pattern = pattern
    self.feedForward = feedForward
    self.hasOutputScale = hasOutputScale
  }
}

/// A rotation of heads of one dimension.
public struct LayerRotation: Equatable, Sendable {
  public let parameters: RoPEParameters
  public let headDimension: Int
}

extension LayerConfiguration {
  /// Nil in a layer without.
  public var rotation: LayerRotation? {
    rope.map { LayerRotation(parameters: $0, headDimension: attention.headDimension) }
  }
}
