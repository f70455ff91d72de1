import Kernels
import MPI

/// Linear layers of the appending path, divided over the ranks by output rows: P ranks read each
/// weight once between them. Every output is one whole dot product, so the division does not show in
/// the result.
public final class DividedLinear {
  /// The memory that it takes.
  public struct Plan: Sendable {
    /// `[rows][own outputs]`, one matrix after the other.
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
  ///   - inputs: `[rows][inputStride(inputs)]` matrix input, the same on every rank.
  ///   - output: `[rows][group.outputs]` float32, the same on every rank afterwards.
  /// - Throws: `MPIError`.
  public func multiply(
    _ group: LinearGroup, inputs: UnsafeRawPointer, rows: Int,
    into output: UnsafeMutablePointer<Float>
  ) throws {
    let outputs = group.outputs
    precondition(rows * outputs <= plan.share.count, "the memory has room for all outputs")
    let isDivided = Self.isWorthDividing(bytes: group.bytes, ranks: communicator.size)
    let own = isDivided ? share(of: communicator.rank, outputs: outputs) : 0..<outputs
    let share = memory[plan.share]
    var start = 0
    var written = 0
    for matrix in group.matrices {
      // The part of this matrix in the rank's range.
      let range = own.clamped(to: start..<start + matrix.outputs)
      if !range.isEmpty {
        arithmetic.multiplyRows(
          matrix, range: range.lowerBound - start..<range.upperBound - start, inputs: inputs,
          rows: rows, outputs: share + written)
        if !isDivided {
          copyRows(
            from: share + written, width: range.count, rows: rows, to: output + range.lowerBound,
            outputs)
        }
        written += rows * range.count
      }
      start += matrix.outputs
    }
    if isDivided { try gather(group, own: own.count, rows: rows, into: output) }
  }

  /// Brings all ranks' parts to every rank, each to its place.
  private func gather(
    _ group: LinearGroup, own: Int, rows: Int, into output: UnsafeMutablePointer<Float>
  ) throws {
    let outputs = group.outputs
    let gathered = memory[plan.gathered]
    try communicator.allGather(
      share: UnsafeBufferPointer(start: memory[plan.share], count: rows * own),
      into: UnsafeMutableBufferPointer(start: gathered, count: rows * outputs),
      plan: try gatherPlan(rows: rows, outputs: outputs))
    bytesSent += rows * own * MemoryLayout<Float>.stride
    // What a rank sent is divided at the borders of matrices, as it was computed.
    var read = gathered
    for rank in 0..<communicator.size {
      let range = share(of: rank, outputs: outputs)
      var start = 0
      for matrix in group.matrices {
        let part = range.clamped(to: start..<start + matrix.outputs)
        copyRows(from: read, width: part.count, rows: rows, to: output + part.lowerBound, outputs)
        read += rows * part.count
        start += matrix.outputs
      }
    }
  }

  /// - Parameter stride: elements from one row to the next in `destination`.
  private func copyRows(
    from source: UnsafePointer<Float>, width: Int, rows: Int,
    to destination: UnsafeMutablePointer<Float>, _ stride: Int
  ) {
    for row in 0..<rows {
      (destination + row * stride).update(from: source + row * width, count: width)
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
