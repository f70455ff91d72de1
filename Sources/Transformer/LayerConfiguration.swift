import Kernels

/// What may differ from one decoder layer to the next.
public struct LayerConfiguration: Equatable, Sendable {
  /// How queries and keys are rotated by their positions; nil in a layer without (NoPE).
  public let rope: RoPEParameters?
  /// Which keys a query sees.
  public let pattern: AttentionPattern
  public let feedForward: FeedForwardConfiguration

  public init(
    rope: RoPEParameters?, pattern: AttentionPattern = .causal,
    feedForward: FeedForwardConfiguration
  ) {
    self.rope = rope
    self.pattern = pattern
    self.feedForward = feedForward
  }
}
