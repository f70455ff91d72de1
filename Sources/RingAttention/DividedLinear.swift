import Kernels
import Ranks

/// Linear layers of the appending path, divided over the ranks by output rows: P ranks read each
/// weight once between them. Every output is one whole dot product, so the division does not show in
/// the result.
public final class DividedLinear {
  /// The most bytes that a rank gives the others at a time.
  ///
  /// - Parameters:
  ///   - elements: the most rows times outputs of one group of layers.
  ///   - rows: the most rows.
  public static func bytesGiven(elements: Int, rows: Int, ranks: Int) -> Int {
    (elements / ranks + rows) * MemoryLayout<Float>.stride
  }

  private let arithmetic: Arithmetic
  private let exchange: HostExchange
  /// By the number of rows and of all outputs: made once, so that a decode step allocates nothing.
  private var gathers: [Shape: HostExchange.GatherPlan] = [:]
  public private(set) var bytesSent = 0

  private struct Shape: Hashable {
    let rows: Int
    let outputs: Int
  }

  /// - Parameter exchange: of `bytesGiven` bytes at least.
  public init(arithmetic: Arithmetic, exchange: HostExchange) {
    self.arithmetic = arithmetic
    self.exchange = exchange
  }

  private var ranks: Int { exchange.communicator.size }
  private var ownRank: Int { exchange.communicator.rank }
  private var part: UnsafeMutablePointer<Float> {
    exchange.part.assumingMemoryBound(to: Float.self)
  }

  /// Whether the ranks save more time by each reading its part of the weights than the gathering of
  /// the parts costs: some 50 µs, in which a core reads about half a megabyte.
  package static func isWorthDividing(bytes: Int, ranks: Int) -> Bool {
    ranks > 1 && bytes - bytes / ranks > 1 << 19
  }

  /// The outputs that a rank computes of a group that is divided.
  private func share(of rank: Int, outputs: Int) -> Range<Int> {
    outputs * rank / ranks..<outputs * (rank + 1) / ranks
  }

  /// `output[row] = ` all outputs of the group, one after the other.
  ///
  /// - Parameters:
  ///   - inputs: `[rows]` of the group's type, the same on every rank.
  ///   - output: `[rows][group.outputs]` float32, the same on every rank afterwards.
  /// - Throws: `MPIError`.
  public func multiply(
    _ group: LinearGroup, inputs: MatrixInputs, rows: Int,
    into output: UnsafeMutablePointer<Float>
  ) throws {
    let outputs = group.outputs
    guard Self.isWorthDividing(bytes: group.bytes, ranks: ranks) else {
      arithmetic.multiplyRows(
        group, range: 0..<outputs, inputs: inputs, rows: rows, outputs: output,
        outputStride: outputs)
      return
    }
    let own = share(of: ownRank, outputs: outputs)
    arithmetic.multiplyRows(
      group, range: own, inputs: inputs, rows: rows, outputs: part,
      outputStride: own.count)
    try gather(outputs: outputs, own: own.count, rows: rows, into: output)
  }

  /// `output[row] = ` all outputs of the row's expert, one after the other.
  ///
  /// - Parameters:
  ///   - experts: of equal shapes.
  ///   - inputs: `[rows.count]` of the experts' type, the same on every rank.
  ///   - output: `[rows.count][outputs of an expert]` float32, the same on every rank afterwards.
  /// - Throws: `MPIError`.
  public func multiply(
    _ experts: [LinearGroup], rows: ExpertRows, inputs: MatrixInputs,
    into output: UnsafeMutablePointer<Float>
  ) throws {
    let outputs = experts[0].outputs
    guard isWorthDividing(rows, experts) else {
      arithmetic.multiplyRows(
        experts, rows: rows, range: 0..<outputs, inputs: inputs, outputs: output)
      return
    }
    let own = share(of: ownRank, outputs: outputs)
    arithmetic.multiplyRows(
      experts, rows: rows, range: own, inputs: inputs, outputs: part)
    try gather(outputs: outputs, own: own.count, rows: rows.count, into: output)
  }

  /// Adds to each token what its rows' experts give, times their weights, in the order of the rows: each
  /// rank sums its own outputs, and only sums are gathered.
  ///
  /// - Parameters:
  ///   - inputs: `[rows.count]` of the experts' type, the same on every rank.
  ///   - stream: `[tokens][outputs of an expert]` float32, the same on every rank before and afterwards.
  ///   - scratch: `[rows.count][outputs of an expert]`
  /// - Throws: `MPIError`.
  public func add(
    _ experts: [LinearGroup], rows: ExpertRows, inputs: MatrixInputs,
    to stream: UnsafeMutablePointer<Float>, tokens: Int, scratch: UnsafeMutablePointer<Float>
  ) throws {
    let outputs = experts[0].outputs
    let isDivided = isWorthDividing(rows, experts)
    let own = isDivided ? share(of: ownRank, outputs: outputs) : 0..<outputs
    arithmetic.multiplyRows(experts, rows: rows, range: own, inputs: inputs, outputs: scratch)
    guard isDivided else {
      arithmetic.add(scratch, rows: rows, columns: outputs, to: stream)
      return
    }
    let sums = part
    for token in 0..<tokens {
      (sums + token * own.count).update(
        from: stream + token * outputs + own.lowerBound, count: own.count)
    }
    arithmetic.add(scratch, rows: rows, columns: own.count, to: sums)
    try gather(outputs: outputs, own: own.count, rows: tokens, into: stream)
  }

  private func isWorthDividing(_ rows: ExpertRows, _ experts: [LinearGroup]) -> Bool {
    Self.isWorthDividing(bytes: rows.bytes(of: experts), ranks: ranks)
  }

  /// Brings all ranks' parts to every rank, each to its place.
  private func gather(
    outputs: Int, own: Int, rows: Int, into output: UnsafeMutablePointer<Float>
  ) throws {
    try exchange.gather(gatherPlan(rows: rows, outputs: outputs)) { rank, part in
      let range = share(of: rank, outputs: outputs)
      var read = part.assumingMemoryBound(to: Float.self)
      for row in 0..<rows {
        (output + row * outputs + range.lowerBound).update(from: read, count: range.count)
        read += range.count
      }
    }
    bytesSent += rows * own * MemoryLayout<Float>.stride
  }

  private func gatherPlan(rows: Int, outputs: Int) throws -> HostExchange.GatherPlan {
    let shape = Shape(rows: rows, outputs: outputs)
    if let known = gathers[shape] { return known }
    let made = try exchange.gatherPlan(
      bytes: (0..<ranks).map {
        rows * share(of: $0, outputs: outputs).count * MemoryLayout<Float>.stride
      })
    gathers[shape] = made
    return made
  }
}
