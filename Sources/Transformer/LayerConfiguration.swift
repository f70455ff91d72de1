/// What may differ from one decoder layer to the next.
public struct LayerConfiguration: Equatable, Sendable {
  /// How queries and keys are rotated by their positions; nil in a layer without (NoPE).
  public let rope: RoPEParameters?
  /// A query at position i sees the keys j with i − window < j ≤ i; nil where it sees all j ≤ i.
  public let slidingWindow: Int?

  public init(rope: RoPEParameters?, slidingWindow: Int?) {
    self.rope = rope
    self.slidingWindow = slidingWindow
  }
}
