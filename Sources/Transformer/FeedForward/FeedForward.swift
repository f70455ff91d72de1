import Kernels

// A layer's feed-forward is a value of the layer. A further kind is a file of its own, like
// `DenseFeedForward`, and a case of the configuration below.

/// The feed-forward of one layer as a configuration describes it, before there are weights.
public enum FeedForwardConfiguration: Equatable, Sendable {
  case dense(DenseFeedForwardConfiguration)
  case mixture(MixtureConfiguration)
  /// Both of the same rows, added.
  case denseAndMixture(DenseFeedForwardConfiguration, MixtureConfiguration)

  /// Its dense part, if it has one.
  public var dense: DenseFeedForwardConfiguration? {
    switch self {
    case .dense(let dense), .denseAndMixture(let dense, _): dense
    case .mixture: nil
    }
  }

  /// Its experts, if it has any.
  public var mixture: MixtureConfiguration? {
    switch self {
    case .mixture(let mixture), .denseAndMixture(_, let mixture): mixture
    case .dense: nil
    }
  }

  /// All gated MLPs that it is made of, each once.
  public var parts: [DenseFeedForwardConfiguration] {
    (dense.map { [$0] } ?? []) + (mixture?.parts ?? [])
  }

  /// - Throws: `ModelError` if a size is out of range.
  func validate() throws(ModelError) {
    try dense?.validate()
    try mixture?.validate()
  }
}

/// The norms around a layer's feed-forward f: x += output(f(input(x))).
public struct FeedForwardNorms {
  /// `[hiddenSize]`
  let input: [Float]
  /// `[hiddenSize]`; empty for none.
  let output: [Float]
  let epsilon: Float
}

/// The feed-forward of one layer.
public protocol FeedForward: Sendable {
  /// All of its linear layers, in the order in which they are used.
  var linearLayers: [LinearGroup] { get }

  /// Elements of norms and other vectors that are its own, biases of its matrices apart.
  var vectorElements: Int { get }

  /// Floating-point operations of its linear layers for one token.
  var flopsPerToken: Double { get }

  /// Parameters that are used for one token.
  var activeParameters: Int { get }

  /// Bytes of weights that are read for one token that runs alone.
  var bytesPerToken: Int { get }

  /// Adds it to a stream.
  ///
  /// - Parameters:
  ///   - rows: what it reads.
  ///   - stream: `[rows.count][hiddenSize]` float32 that it is added to: that of the rows, or another
  ///     one.
  /// - Returns: false where the layer is given up.
  /// - Throws: what `execution` throws.
  func add(
    of rows: StreamRows, norms: FeedForwardNorms, to stream: UnsafeMutablePointer<Float>,
    by execution: some LayerExecution
  ) throws -> Bool
}

extension FeedForward {
  public var vectorElements: Int { 0 }
  public var flopsPerToken: Double { linearLayers.reduce(0) { $0 + $1.flops } }
  public var activeParameters: Int {
    linearLayers.reduce(0) { $0 + $1.parameters } + vectorElements
  }
  public var bytesPerToken: Int { linearLayers.reduce(0) { $0 + $1.bytes } }
}

extension LayerExecution {
  /// The RMSNorm of rows as matrix input, in `buffers.normed`.
  func normalize(
    _ rows: StreamRows, _ norm: [Float], epsilon: Float, as type: InputType
  ) -> MatrixInputs {
    arithmetic.rmsNorm(
      rows.stream, rows: rows.count, columns: norm.count, weight: norm, epsilon: epsilon,
      into: buffers.normed, as: type)
    return MatrixInputs(buffers.normed, type)
  }
}
