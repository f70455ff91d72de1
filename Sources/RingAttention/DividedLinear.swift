import Kernels
import MPI

/// Linear layers of the appending path, divided over the ranks by output rows: P ranks read each
/// weight once between them. Every output is one whole dot product, so the division does not show in
/// the result.
public final class DividedLinear {
  /// The memory that it takes.
  public struct Plan: Sendable {
    /// `[rows][own outputs]`
    fileprivate let share: BufferPlan.Slot<Float>
    /// `[ranks][rows][outputs of the rank]`, each rank's as in its share.
    fileprivate let gathered: BufferPlan.Slot<Float>

    /// - Parameter elements: the most rows times outputs of one group of layers.
    public init(elements: Int, in plan: inout BufferPlan) {
      share = plan.add(elements)
      gathered = plan.add(elements)
    }
  }

  private let plan: Plan
  private let memory: Buffers
  private let arithmetic: Arithmetic
  private let communicator: Communicator
  /// By the number of rows and of all outputs: made once, so that a decode step allocates nothing.
  private var gathers: [Shape: AllGatherPlan<Float>] = [:]
  public private(set) var bytesSent = 0

  private struct Shape: Hashable {
    let rows: Int
    let outputs: Int
  }

  public init(
    _ plan: Plan, in memory: Buffers, arithmetic: Arithmetic, communicator: Communicator
  ) {
    self.plan = plan
    self.memory = memory
    self.arithmetic = arithmetic
    self.communicator = communicator
  }

  /// Whether the ranks save more time by each reading its part of the weights than the gathering of
  /// the parts costs: some 50 µs, in which a core reads about half a megabyte.
  package static func isWorthDividing(bytes: Int, ranks: Int) -> Bool {
    ranks > 1 && bytes - bytes / ranks > 1 << 19
  }

  /// The outputs that a rank computes of a group that is divided.
  private func share(of rank: Int, outputs: Int) -> Range<Int> {
    let ranks = communicator.size
    return outputs * rank / ranks..<outputs * (rank + 1) / ranks
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
    precondition(rows * outputs <= plan.share.count, "the memory has room for all outputs")
    guard Self.isWorthDividing(bytes: group.bytes, ranks: communicator.size) else {
      arithmetic.multiplyRows(
        group, range: 0..<outputs, inputs: inputs, rows: rows, outputs: output,
        outputStride: outputs)
      return
    }
    let own = share(of: communicator.rank, outputs: outputs)
    arithmetic.multiplyRows(
      group, range: own, inputs: inputs, rows: rows, outputs: memory[plan.share],
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
    precondition(rows.count * outputs <= plan.share.count, "the memory has room for all outputs")
    guard isWorthDividing(rows, experts) else {
      arithmetic.multiplyRows(
        experts, rows: rows, range: 0..<outputs, inputs: inputs, outputs: output)
      return
    }
    let own = share(of: communicator.rank, outputs: outputs)
    arithmetic.multiplyRows(
      experts, rows: rows, range: own, inputs: inputs, outputs: memory[plan.share])
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
    let own = isDivided ? share(of: communicator.rank, outputs: outputs) : 0..<outputs
    arithmetic.multiplyRows(experts, rows: rows, range: own, inputs: inputs, outputs: scratch)
    guard isDivided else {
      arithmetic.add(scratch, rows: rows, columns: outputs, to: stream)
      return
    }
    precondition(tokens * outputs <= plan.share.count, "the memory has room for all outputs")
    let sums = memory[plan.share]
    for token in 0..<tokens {
      (sums + token * own.count).update(
        from: stream + token * outputs + own.lowerBound, count: own.count)
    }
    arithmetic.add(scratch, rows: rows, columns: own.count, to: sums)
    try gather(outputs: outputs, own: own.count, rows: tokens, into: stream)
  }

  private func isWorthDividing(_ rows: ExpertRows, _ experts: [LinearGroup]) -> Bool {
    Self.isWorthDividing(bytes: rows.bytes(of: experts), ranks: communicator.size)
  }

  /// Brings all ranks' parts to every rank, each to its place.
  private func gather(
    outputs: Int, own: Int, rows: Int, into output: UnsafeMutablePointer<Float>
  ) throws {
    let gathered = memory[plan.gathered]
    try communicator.allGather(
      share: UnsafeBufferPointer(start: memory[plan.share], count: rows * own),
      into: UnsafeMutableBufferPointer(start: gathered, count: rows * outputs),
      plan: try gatherPlan(rows: rows, outputs: outputs))
    bytesSent += rows * own * MemoryLayout<Float>.stride
    var read = gathered
    for rank in 0..<communicator.size {
      let range = share(of: rank, outputs: outputs)
      for row in 0..<rows {
        (output + row * outputs + range.lowerBound).update(from: read, count: range.count)
        read += range.count
      }
    }
  }

  private func gatherPlan(rows: Int, outputs: Int) throws -> AllGatherPlan<Float> {
    let shape = Shape(rows: rows, outputs: outputs)
    if let known = gathers[shape] { return known }
    let made = try AllGatherPlan<Float>(
      counts: (0..<communicator.size).map { rows * share(of: $0, outputs: outputs).count })
    gathers[shape] = made
    return made
  }
}
