/// The type of K/V blocks and of the inputs of matrix products. Sums, the residual stream, norms
/// and logits are float32 in both; sums across blocks are Float64 in both.
public enum Precision: String, Sendable, CaseIterable, Codable {
  case bf16
  case fp32

  /// Bytes of one element.
  public var bytes: Int {
    switch self {
    case .bf16: 2
    case .fp32: 4
    }
  }
}
