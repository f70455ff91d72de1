import Kernels

// A layer's feed-forward is a value of the layer. A further kind is a file of its own, like
// `DenseFeedForward`, and a case of the configuration below.

/// The feed-forward of one layer as a configuration describes it, before there are weights.
public enum FeedForwardConfiguration: Equatable, Sendable {
  case dense(DenseFeedForwardConfiguration)

  public var intermediateSize: Int {
    switch self {
    case .dense(let dense): dense.intermediateSize
    }
  }

  public var activation: GatedActivation {
    switch self {
    case .dense(let dense): dense.activation
    }
  }

  /// Whether its linear layers have biases.
  public var hasBias: Bool {
    switch self {
    case .dense(let dense): dense.hasBias
    }
  }

  /// The room that it needs for one row beside the row itself.
  var workspace: FeedForwardWorkspace {
    switch self {
    case .dense(let dense): dense.workspace
    }
  }

  /// - Throws: `ModelError` if a size is out of range.
  func validate() throws(ModelError) {
    switch self {
    case .dense(let dense): try dense.validate()
    }
  }
}

/// How wide a feed-forward's intermediate results are, for one row.
struct FeedForwardWorkspace: Equatable, Sendable {
  /// Float32 elements of what its first linear layers give.
  let projected: Int
  /// Elements of the matrix input that its last linear layers read.
  let activated: Int
}

/// The feed-forward of one layer: x += norm(f(norm(x))), of which it is f.
public protocol FeedForward: Sendable {
  /// All of its linear layers, in the order in which they are used.
  var linearLayers: [LinearGroup] { get }

  /// Floating-point operations of its linear layers for one token.
  var flopsPerToken: Double { get }

  /// Bytes of weights that are read for one token that runs alone.
  var bytesPerToken: Int { get }

  /// What its inputs are to be rounded to.
  func inputType(in arithmetic: Arithmetic) -> InputType

  /// Adds f of the rows to the residual stream.
  ///
  /// - Parameters:
  ///   - inputs: the norm of the rows, of its type.
  ///   - norm: what f's outputs pass before they are added; empty for none.
  /// - Returns: false where the layer is given up.
  /// - Throws: what `execution` throws.
  func add(
    of inputs: MatrixInputs, to rows: StreamRows, norm: [Float], by execution: some LayerExecution
  ) throws -> Bool
}

extension FeedForward {
  public var flopsPerToken: Double { linearLayers.reduce(0) { $0 + $1.flops } }
  public var bytesPerToken: Int { linearLayers.reduce(0) { $0 + $1.bytes } }
}
