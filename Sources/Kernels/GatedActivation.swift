/// What a gated linear unit (Shazeer 2020, arXiv:2002.05202) multiplies its input with.
public enum GatedActivation: String, Sendable, Codable {
  /// `silu(x) = x / (1 + exp(−x))`
  case swiGLU
  /// The tanh form of GELU: `x / 2 · (1 + tanh(√(2/π) · (x + 0.044715 · x³)))`
  case geGLU
}
