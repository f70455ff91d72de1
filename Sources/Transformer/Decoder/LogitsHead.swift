import Kernels
import RingAttention

/// From the residual stream to logits: the final norm, the head of the vocabulary, a soft cap where the
/// model has one.
struct LogitsHead {
  private let weights: ModelWeights
  private let group: LinearGroup

  /// - Parameter matrix: the head, if it is not where the weights say.
  init(_ weights: ModelWeights, matrix: WeightMatrix? = nil) {
    self.weights = weights
    group = LinearGroup(matrix ?? weights.head)
  }

  /// The logits of rows that every rank has, divided among the ranks.
  ///
  /// - Parameters:
  ///   - stream: `[rows][hiddenSize]`, the same on every rank; at most one a branch.
  ///   - normed: takes `[rows][inputStride(hiddenSize)]` matrix input.
  ///   - linear: has room for `[rows][vocabulary.size]`.
  ///   - logits: takes `[rows][vocabulary.size]`.
  /// - Throws: `MPIError`.
  func multiply(
    _ stream: UnsafePointer<Float>, rows: Int, normed: UnsafeMutableRawPointer,
    by linear: DividedLinear, into logits: UnsafeMutablePointer<Float>, _ arithmetic: Arithmetic
  ) throws {
    let inputs = normalize(stream, rows: rows, into: normed, arithmetic)
    try linear.multiply(group, inputs: inputs, rows: rows, into: logits)
    cap(logits, rows: rows, arithmetic)
  }

  /// The logits of a block's rows, by this rank alone, as matrix products.
  ///
  /// - Parameters:
  ///   - stream: `[rows][hiddenSize]` of one block, from its start on.
  ///   - normed: takes `[rows][inputStride(hiddenSize)]` matrix input.
  ///   - logits: takes `[rows][vocabulary.size]`.
  func multiplyBlock(
    _ stream: UnsafePointer<Float>, rows: Int, normed: UnsafeMutableRawPointer,
    into logits: UnsafeMutablePointer<Float>, _ arithmetic: Arithmetic
  ) {
    let inputs = normalize(stream, rows: rows, into: normed, arithmetic)
    arithmetic.multiply(
      group.matrices[0], inputs: inputs, tokens: rows, outputs: logits,
      outputStride: weights.head.outputs)
    cap(logits, rows: rows, arithmetic)
  }

  private func normalize(
    _ stream: UnsafePointer<Float>, rows: Int, into normed: UnsafeMutableRawPointer,
    _ arithmetic: Arithmetic
  ) -> MatrixInputs {
    let type = arithmetic.inputType(of: group)
    arithmetic.rmsNorm(
      stream, rows: rows, columns: weights.configuration.hiddenSize, weight: weights.finalNorm,
      epsilon: Float(weights.configuration.normalization.epsilon), into: normed, as: type)
    return MatrixInputs(normed, type)
  }

  private func cap(_ logits: UnsafeMutablePointer<Float>, rows: Int, _ arithmetic: Arithmetic) {
    guard let cap = weights.configuration.vocabulary.logitSoftCap else { return }
    arithmetic.softCap(logits, count: rows * weights.head.outputs, cap: Float(cap))
  }
}
