import Kernels
import RingAttention

/// How the parts of a decoder layer run. Which parts there are, and in which order, `DecoderLayer`
/// says; this is all in which the two paths of a token differ.
///
/// What says that a layer is given up returns false, and what follows in the layer is left out.
public protocol LayerExecution: AnyObject {
  var arithmetic: Arithmetic { get }

  /// Where the rows at hand stand.
  var buffers: LayerBuffers { get }

  /// Those of this rank's rows that attend, whose queries are there together, and that go on behind the
  /// attention. All, or the last ones: of those before, the layer under way is asked for keys and values
  /// alone.
  var attendingRows: Range<Int> { get }

  /// Whether this rank does more than attend: what is behind the attention of a layer.
  var computes: Bool { get }

  /// The layers' different rotations, each with an entry for every row.
  var rotations: [RoPETable] { get }

  /// Calls `body` with those of this rank's rows of the residual stream that the part goes over, some at
  /// a time.
  ///
  /// - Parameter atOnce: so many in one call at most, where there is a choice.
  /// - Returns: false where `body` says so, or the layer is given up.
  func forEachRows(
    in part: LayerPart, atOnce: Int, _ body: (_ rows: StreamRows) throws -> Bool
  ) throws -> Bool

  /// `outputs[row]` = what all layers of the group give, one after the other.
  ///
  /// - Parameters:
  ///   - inputs: `[rows]` of the group's type.
  ///   - outputs: `[rows][group.outputs]` float32.
  func multiply(
    _ group: LinearGroup, inputs: MatrixInputs, rows: Int,
    into outputs: UnsafeMutablePointer<Float>
  ) throws -> Bool

  /// Adds what a linear layer gives to the residual stream.
  ///
  /// - Parameters:
  ///   - inputs: of these rows, of the group's type.
  ///   - norm: the RMSNorm that it passes before; empty for none.
  func add(
    _ group: LinearGroup, of inputs: MatrixInputs, norm: [Float], to rows: StreamRows
  ) throws -> Bool

  /// Adds what the output projection gives of `buffers.attended` to the residual stream.
  ///
  /// - Parameter norm: the RMSNorm that it passes before; empty for none.
  func addAttended(
    by output: LinearGroup, norm: [Float], to rows: StreamRows
  ) throws -> Bool

  /// Adds what a gated MLP gives to a stream.
  ///
  /// - Parameters:
  ///   - inputs: of these rows, of the type for its first layers.
  ///   - norm: the RMSNorm that it passes before; empty for none.
  func add(
    _ feedForward: DenseFeedForward, of inputs: MatrixInputs, norm: [Float], to rows: StreamRows
  ) throws -> Bool

  /// Adds what experts give, those that each token chose and the one that all go to, to a stream.
  ///
  /// - Parameters:
  ///   - inputs: `[tokens]` of the type for the experts' first layers.
  ///   - stream: `[tokens][hiddenSize]` float32.
  func add(
    _ mixture: MixtureOfExperts, of inputs: MatrixInputs, tokens: Int,
    to stream: UnsafeMutablePointer<Float>
  ) throws -> Bool

  /// Is told how many tokens each expert has: those from `firstSlots[e]` up to `firstSlots[e + 1]`.
  func noteLoad(of firstSlots: UnsafePointer<Int32>, experts: Int)

  /// Runs `body`, and tells of its span.
  func withSpan<Result>(_ name: StaticString, _ body: () throws -> Result) rethrows -> Result

  /// Where a row's keys and values of one layer belong; for any thread.
  func place(ofRow row: Int, layer: Int) -> KeyValuePlace

  /// Attends the queries of `attendingRows` to the keys and values that they see, from `buffers.queries`
  /// to `buffers.attended`.
  func attend(_ layer: LayerAttention) throws -> Bool
}

/// Where a rank computes whole layers.
extension LayerExecution {
  func addAttended(
    by output: LinearGroup, norm: [Float], to rows: StreamRows
  ) throws -> Bool {
    var inputs = MatrixInputs(
      buffers.attended
        + (rows.first - attendingRows.lowerBound)
          * arithmetic.inputRowBytes(columns: output.inputs),
      arithmetic.inputType)
    let type = arithmetic.inputType(of: output)
    if type != inputs.type {
      arithmetic.quantize(
        inputs.rows, count: rows.count, columns: output.inputs, into: buffers.normed)
      inputs = MatrixInputs(buffers.normed, type)
    }
    return try add(output, of: inputs, norm: norm, to: rows)
  }

  func add(
    _ feedForward: DenseFeedForward, of inputs: MatrixInputs, norm: [Float], to rows: StreamRows
  ) throws -> Bool {
    let (gateAndUp, output) = (feedForward.gateAndUp, feedForward.output)
    guard
      try multiply(gateAndUp, inputs: inputs, rows: rows.count, into: buffers.projected)
    else { return false }
    let type = arithmetic.inputType(of: output)
    arithmetic.activate(
      feedForward.activation, gateAndUp: buffers.projected, rows: rows.count,
      columns: output.inputs, into: buffers.activated, as: type)
    return try add(output, of: MatrixInputs(buffers.activated, type), norm: norm, to: rows)
  }
}

/// The parts of a layer that go over the rows one after the other; attention, which needs all of them,
/// is before the last one.
public enum LayerPart: Sendable {
  /// Norm, projections and rotation of the rows that give keys and values and do not attend.
  case keysAndValues
  /// The same of those that attend.
  case projections
  /// The output projection and the feed-forward, which change the residual stream.
  case feedForward

  /// As a timeline calls it.
  var spanName: StaticString {
    switch self {
    case .keysAndValues, .projections: "projections"
    case .feedForward: "mlp"
    }
  }
}

/// Neighbouring rows of the residual stream.
public struct StreamRows {
  /// The number of the first among this rank's rows.
  let first: Int
  let count: Int
  /// `[count][hiddenSize]` float32.
  let stream: UnsafeMutablePointer<Float>

  /// Some of them.
  ///
  /// - Parameter columns: the hidden size.
  func part(_ range: Range<Int>, columns: Int) -> StreamRows {
    StreamRows(
      first: first + range.lowerBound, count: range.count,
      stream: stream + range.lowerBound * columns)
  }
}

/// Where one token's keys and values are stored.
public struct KeyValuePlace {
  /// The token's KV block in one layer; nil where another rank owns it.
  let block: UnsafeMutableRawPointer?
  /// The token's place in the block.
  let token: Int
}
