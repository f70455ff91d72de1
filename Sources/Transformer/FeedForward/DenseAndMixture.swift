import Kernels

/// A gated MLP and a mixture of experts of the same rows, each with norms of its own (Gemma 4):
/// output(norm(mlp(input(x))) + norm'(mixture(input'(x)))).
public struct DenseAndMixture: FeedForward {
  public let dense: DenseFeedForward
  /// `[hiddenSize]`, the RMSNorm of what the MLP gives.
  public let denseOutputNorm: [Float]
  public let mixture: MixtureOfExperts
  /// `[hiddenSize]`, the RMSNorm of what the experts read.
  public let mixtureInputNorm: [Float]
  /// `[hiddenSize]`, the RMSNorm of what they give.
  public let mixtureOutputNorm: [Float]

  public init(
    dense: DenseFeedForward, denseOutputNorm: [Float], mixture: MixtureOfExperts,
    mixtureInputNorm: [Float], mixtureOutputNorm: [Float]
  ) {
    self.dense = dense
    self.denseOutputNorm = denseOutputNorm
    self.mixture = mixture
    self.mixtureInputNorm = mixtureInputNorm
    self.mixtureOutputNorm = mixtureOutputNorm
  }

  public var linearLayers: [LinearGroup] { dense.linearLayers + mixture.linearLayers }
  public var vectorElements: Int {
    mixture.vectorElements + denseOutputNorm.count + mixtureInputNorm.count
      + mixtureOutputNorm.count
  }
  public var flopsPerToken: Double { dense.flopsPerToken + mixture.flopsPerToken }
  public var activeParameters: Int {
    dense.activeParameters + mixture.activeParameters + vectorElements - mixture.vectorElements
  }
  public var bytesPerToken: Int { dense.bytesPerToken + mixture.bytesPerToken }

  public func add(
    of rows: StreamRows, norms: FeedForwardNorms, to stream: UnsafeMutablePointer<Float>,
    by execution: some LayerExecution
  ) throws -> Bool {
    let arithmetic = execution.arithmetic
    let (hidden, epsilon) = (norms.input.count, norms.epsilon)
    let sum = execution.buffers.experts!.sum
    sum.update(repeating: 0, count: rows.count * hidden)
    guard
      try mixture.add(
        of: rows, norms: FeedForwardNorms(input: mixtureInputNorm, output: [], epsilon: epsilon),
        to: sum, by: execution)
    else { return false }
    let atOnce = execution.buffers.rowsAtOnce
    for first in stride(from: 0, to: rows.count, by: atOnce) {
      let part = rows.part(first..<min(first + atOnce, rows.count), columns: hidden)
      let sum = sum + first * hidden
      arithmetic.normalizeRows(
        sum, rows: part.count, columns: hidden, weight: mixtureOutputNorm, epsilon: epsilon)
      guard
        try dense.add(
          of: part,
          norms: FeedForwardNorms(input: norms.input, output: denseOutputNorm, epsilon: epsilon),
          to: sum, by: execution)
      else { return false }
      arithmetic.addRMSNorm(
        sum, rows: part.count, columns: hidden, weight: norms.output, epsilon: epsilon,
        to: stream + first * hidden)
    }
    return true
  }
}
