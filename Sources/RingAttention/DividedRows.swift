import MPI
import Ranks

/// Rows of a matrix, of which each host has those of its outputs, for every rank: an embedding.
public final class DividedRows {
  private let linear: DividedLinear
  private let columns: Int
  private let operation: ReductionOperation
  /// By the number of rows: made once, so that a decode step allocates nothing.
  private var plans: [Int: HostExchange.ReductionPlan] = [:]

  /// - Parameters:
  ///   - linear: shares out the rows as it shares out the outputs of its layers; its exchange has room for
  ///     the most rows that are wanted at once.
  ///   - columns: of a row, float32.
  /// - Throws: `MPIError`.
  public init(_ linear: DividedLinear, columns: Int) throws {
    self.linear = linear
    self.columns = columns
    operation = try ReductionOperation(
      elementBytes: columns * MemoryLayout<Float>.stride
    ) { incoming, accumulated, count, datatype in
      let bytes = ReductionOperation.elementBytes(datatype) * Int(count!.pointee)
      unite(incoming!, into: accumulated!, bytes: bytes)
    }
  }

  /// `output[i]` = row `rows[i]`.
  ///
  /// - Parameters:
  ///   - rows: the same on every rank.
  ///   - all: of the matrix.
  ///   - output: `[rows][columns]`
  ///   - write: writes a row that this rank has.
  /// - Throws: `MPIError`.
  public func gather(
    _ rows: some Collection<Int32>, of all: Int, into output: UnsafeMutablePointer<Float>,
    _ write: (_ row: Int32, _ to: UnsafeMutablePointer<Float>) -> Void
  ) throws {
    let own = linear.ownShare(outputs: all)
    let plan = try plan(rows: rows.count)
    let part = linear.exchange.part.assumingMemoryBound(to: Float.self)
    for (index, row) in rows.enumerated() {
      let place = part + index * columns
      if own.contains(Int(row)) {
        write(row, place)
      } else {
        place.update(repeating: 0, count: columns)
      }
    }
    // Of each row one rank has the bits, and the others zeros.
    try linear.exchange.reduce(plan, with: operation, into: output) {
      unite($0, into: $1, bytes: columns * MemoryLayout<Float>.stride)
    }
  }

  /// Every host wants all rows.
  private func plan(rows: Int) throws -> HostExchange.ReductionPlan {
    if let known = plans[rows] { return known }
    let exchange = linear.exchange
    let made = try exchange.reductionPlan(
      rows: rows, rowBytes: columns * MemoryLayout<Float>.stride,
      wanted: [Range<Int>](repeating: 0..<rows, count: exchange.hostCount))
    plans[rows] = made
    return made
  }
}

/// Not a sum of numbers, which would lose the sign of a zero.
private func unite(
  _ row: UnsafeRawPointer, into other: UnsafeMutableRawPointer, bytes: Int
) {
  let (from, to) = (
    row.assumingMemoryBound(to: UInt32.self), other.assumingMemoryBound(to: UInt32.self)
  )
  for index in 0..<bytes / 4 { to[index] |= from[index] }
}
