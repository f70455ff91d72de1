import Kernels

/// The rotations of some positions, computed once and applied to the heads of every layer. Its memory
/// is its owner's.
public struct RoPETable {
  /// How many positions it has room for, and the memory that it takes.
  public struct Plan: Sendable {
    fileprivate let capacity: Int
    /// `[capacity][pairs]`, as the sines.
    fileprivate let cosines: BufferPlan.Slot<Float>
    fileprivate let sines: BufferPlan.Slot<Float>

    /// Adds the table to a plan.
    public init(_ rope: RoPE, capacity: Int, in plan: inout BufferPlan) {
      self.capacity = capacity
      cosines = plan.add(capacity, rope.pairs)
      sines = plan.add(capacity, rope.pairs)
    }
  }

  /// How many there are.
  public private(set) var count = 0
  private let rope: RoPE
  private let capacity: Int
  private let cosines: UnsafeMutablePointer<Float>
  private let sines: UnsafeMutablePointer<Float>

  /// A table with no position in it yet.
  public init(_ rope: RoPE, _ plan: Plan, in memory: Buffers) {
    self.rope = rope
    capacity = plan.capacity
    cosines = memory[plan.cosines]
    sines = memory[plan.sines]
  }

  /// Empties the table; its memory stays.
  public mutating func removeAll() { count = 0 }

  /// Adds positions behind those that are there; allocates nothing.
  ///
  /// - Parameters:
  ///   - positions: counted from the start of the whole sequence; no more than the table has room
  ///     for.
  ///   - contextTokens: the length of the sequence's context, for frequencies that depend on it.
  public mutating func append(positions: Range<Int>, contextTokens: Int = 0) {
    var index = count * rope.pairs
    count += positions.count
    precondition(count <= capacity, "no more positions than the capacity")
    for position in positions {
      for pair in 0..<rope.pairs {
        (cosines[index], sines[index]) = rope.rotation(
          ofPair: pair, at: position, contextTokens: contextTokens)
        index += 1
      }
    }
  }

  /// Rotates the heads of one position in place, `[count][headDimension]` float32.
  ///
  /// - Parameter entry: the position's number in the table.
  public func rotate(
    _ heads: UnsafeMutablePointer<Float>, count: Int, by entry: Int, _ arithmetic: Arithmetic
  ) {
    precondition(0..<self.count ~= entry, "an entry of the table")
    arithmetic.rotate(
      heads, count: count, headDimension: rope.headDimension,
      by: HeadRotation(
        cosines: cosines + entry * rope.pairs, sines: sines + entry * rope.pairs,
        pairs: rope.pairs, distance: rope.pairDistance, layout: rope.parameters.layout))
  }
}
