/// What may differ from one decoder layer to the next.
public struct LayerConfiguration: Equatable, Sendable {
  /// Whether queries and keys are rotated by their positions; a layer without is called NoPE.
  public let usesRoPE: Bool
  /// A query at position i sees the keys j with i − window < j ≤ i; nil where it sees all j ≤ i.
  public let slidingWindow: Int?

  public init(usesRoPE: Bool, slidingWindow: Int?) {
    self.usesRoPE = usesRoPE
    self.slidingWindow = slidingWindow
  }
}
