/// What a gated linear unit (Shazeer 2020, arXiv:2002.05202) makes of its gate and what that multiplies.
public enum GatedActivation: Sendable, Hashable {
  /// silu(gate) · up, `silu(x) = x / (1 + exp(−x))`
  case swiGLU
  /// gelu(gate) · up, the tanh form of GELU: `x / 2 · (1 + tanh(√(2/π) · (x + 0.044715 · x³)))`
  case geGLU
  /// gate · σ(α · gate) · (up + 1), where gate is at most `limit` and up from −limit to limit (gpt-oss,
  /// arXiv:2508.10925).
  case clampedSwiGLU(alpha: Float, limit: Float)

  public var name: String {
    switch self {
    case .swiGLU: "swiGLU"
    case .geGLU: "geGLU"
    case .clampedSwiGLU: "clampedSwiGLU"
    }
  }
}
