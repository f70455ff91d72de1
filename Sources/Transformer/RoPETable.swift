/// The rotations of a range of positions, computed once and applied to the rows of every head and
/// layer.
public struct RoPETable: Sendable {
  /// Counted from the start of the whole sequence.
  public private(set) var positions: Range<Int>
  /// `headDimension/2`
  public let pairs: Int
  /// `[positions][pairs]`
  public private(set) var cosines: [Float]
  /// `[positions][pairs]`
  public private(set) var sines: [Float]

  /// A table with room for `capacity` positions and none in it yet.
  public init(headDimension: Int, capacity: Int) {
    positions = 0..<0
    pairs = headDimension / 2
    cosines = [Float](repeating: 0, count: capacity * pairs)
    // Not a copy of the cosines, which would share their memory until the first fill.
    sines = [Float](repeating: 0, count: capacity * pairs)
  }

  public init(_ rope: RoPE, positions: Range<Int>) {
    self.init(headDimension: rope.headDimension, capacity: positions.count)
    fill(rope, positions: positions)
  }

  /// Replaces the table's positions; allocates nothing.
  ///
  /// - Parameter positions: no more than the table's capacity.
  public mutating func fill(_ rope: RoPE, positions: Range<Int>) {
    precondition(rope.headDimension == 2 * pairs, "one head dimension a table")
    precondition(positions.count * pairs <= cosines.count, "no more positions than the capacity")
    self.positions = positions
    var index = 0
    for position in positions {
      for pair in 0..<pairs {
        (cosines[index], sines[index]) = rope.rotation(ofPair: pair, at: position)
        index += 1
      }
    }
  }

  /// Rotates `count` rows of one position in place: `[count][headDimension]`, the rows of all
  /// heads, one after another.
  ///
  /// - Parameter position: one of `positions`.
  public func rotate(_ rows: UnsafeMutablePointer<Float>, count: Int, at position: Int) {
    precondition(positions.contains(position), "a position of the table")
    let offset = (position - positions.lowerBound) * pairs
    cosines.withUnsafeBufferPointer { cosines in
      sines.withUnsafeBufferPointer { sines in
        for row in 0..<count {
          rotateHalves(
            rows + row * 2 * pairs, cosines: cosines.baseAddress! + offset,
            sines: sines.baseAddress! + offset, pairs: pairs)
        }
      }
    }
  }
}

/// Rotates one row `[2 · pairs]` in place. The two halves are pointers of their own, so that the
/// loop vectorizes.
@inline(__always)
private func rotateHalves(
  _ row: UnsafeMutablePointer<Float>, cosines: UnsafePointer<Float>, sines: UnsafePointer<Float>,
  pairs: Int
) {
  let firsts = row
  let seconds = row + pairs
  for pair in 0..<pairs {
    let first = firsts[pair]
    let second = seconds[pair]
    firsts[pair] = first * cosines[pair] - second * sines[pair]
    seconds[pair] = second * cosines[pair] + first * sines[pair]
  }
}
