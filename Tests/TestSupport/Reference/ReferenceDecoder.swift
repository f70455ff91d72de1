// The decoder's plain twin, frozen: loops as in the papers, full softmax, one thread, nothing shared
// with the fast path but the weights. It says what is right, and how much a naive computation in a
// given precision loses.

import Transformer

/// The whole forward pass of a model over a sequence, computed naively: O(positions²) in time.
package struct ReferenceDecoder {
  package enum Arithmetic: Sendable, CaseIterable {
    /// Everything in Float64.
    case float64
    /// Everything in float32.
    case fp32
    /// float32, but the inputs of matrix products (queries, keys, values and softmax weights among
    /// them) are rounded to bfloat16.
    case bf16
  }

  private let weights: ModelWeights
  private let arithmetic: Arithmetic

  package init(_ weights: ModelWeights, arithmetic: Arithmetic) {
    self.weights = weights
    self.arithmetic = arithmetic
  }

  /// The logits after each of `tokens`, the first of which stands at position 0:
  /// `[positions][vocabularySize]`.
  package func logits(of tokens: [Int]) -> [Double] {
    switch arithmetic {
    case .float64: ReferencePass<Double>(weights, roundsInputs: false).logits(of: tokens)
    case .fp32:
      ReferencePass<Float>(weights, roundsInputs: false).logits(of: tokens).map(Double.init)
    case .bf16:
      ReferencePass<Float>(weights, roundsInputs: true).logits(of: tokens).map(Double.init)
    }
  }
}
