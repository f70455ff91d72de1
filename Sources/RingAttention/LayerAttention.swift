import Kernels

/// What the attention of one layer is, but for its queries, keys and values.
public struct LayerAttention: Sendable, Equatable {
  /// The layer's number in the cache.
  public let index: Int
  public let pattern: AttentionPattern
  /// Of the layer's query heads.
  public let sinks: AttentionSinks

  public init(index: Int, pattern: AttentionPattern, sinks: AttentionSinks = .none) {
    self.index = index
    self.pattern = pattern
    self.sinks = sinks
  }
}
