import Kernels

/// A gated MLP as a configuration describes it.
public struct DenseFeedForwardConfiguration: Equatable, Sendable {
  public let intermediateSize: Int
  public let activation: GatedActivation
  /// Whether its projections have biases.
  public let hasBias: Bool

  public init(
    intermediateSize: Int, activation: GatedActivation = .swiGLU, hasBias: Bool = false
  ) {
    self.intermediateSize = intermediateSize
    self.activation = activation
    self.hasBias = hasBias
  }

  static let largestIntermediateSize = 1 << 20

  /// - Parameter what: names the size in the message.
  func validate(_ what: String = "the MLP's intermediate size") throws(ModelError) {
    try ModelConfiguration.check(what, intermediateSize, upTo: Self.largestIntermediateSize)
  }
}

/// A gated MLP: down(activation(gate(x), up(x))).
public struct DenseFeedForward: FeedForward {
  /// `[intermediateSize][hiddenSize]`
  public let gate: WeightMatrix
  /// `[intermediateSize][hiddenSize]`
  public let up: WeightMatrix
  /// `[hiddenSize][intermediateSize]`
  public let down: WeightMatrix
  public let activation: GatedActivation

  let gateAndUp: LinearGroup
  let output: LinearGroup

  public init(
    gate: WeightMatrix, up: WeightMatrix, down: WeightMatrix, activation: GatedActivation
  ) {
    self.gate = gate
    self.up = up
    self.down = down
    self.activation = activation
    gateAndUp = LinearGroup(gate, up)
    output = LinearGroup(down)
  }

  public var linearLayers: [LinearGroup] { [gateAndUp, output] }

  public func add(
    of rows: StreamRows, norms: FeedForwardNorms, to stream: UnsafeMutablePointer<Float>,
    by execution: some LayerExecution
  ) throws -> Bool {
    let inputs = execution.normalize(
      rows, norms.input, epsilon: norms.epsilon,
      as: execution.arithmetic.inputType(of: gateAndUp))
    return try execution.add(
      self, of: inputs, norm: norms.output,
      to: StreamRows(first: rows.first, count: rows.count, stream: stream))
  }
}
