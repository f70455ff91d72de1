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

  func validate() throws(ModelError) {
    try ModelConfiguration.check(
      "the MLP's intermediate size", intermediateSize, upTo: Self.largestIntermediateSize)
  }

  var workspace: FeedForwardWorkspace {
    FeedForwardWorkspace(projected: 2 * intermediateSize, activated: intermediateSize)
  }
}

/// A gated MLP: down(activation(gate(x)) · up(x)).
public struct DenseFeedForward: FeedForward {
  /// `[intermediateSize][hiddenSize]`
  public let gate: WeightMatrix
  /// `[intermediateSize][hiddenSize]`
  public let up: WeightMatrix
  /// `[hiddenSize][intermediateSize]`
  public let down: WeightMatrix
  public let activation: GatedActivation

  private let gateAndUp: LinearGroup
  private let output: LinearGroup

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

  public func inputType(in arithmetic: Arithmetic) -> InputType {
    arithmetic.inputType(of: gateAndUp)
  }

  public func add(
    of inputs: MatrixInputs, to rows: StreamRows, norm: [Float], by execution: some LayerExecution
  ) throws -> Bool {
    let buffers = execution.buffers
    let arithmetic = execution.arithmetic
    guard
      try execution.multiply(
        gateAndUp, inputs: inputs, rows: rows.count, into: buffers.projected)
    else { return false }
    let type = arithmetic.inputType(of: output)
    arithmetic.activate(
      activation, gateAndUp: buffers.projected, rows: rows.count, columns: down.inputs,
      into: buffers.activated, as: type)
    return try execution.add(
      output, of: MatrixInputs(buffers.activated, type), norm: norm, to: rows)
  }
}
