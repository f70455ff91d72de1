/// The rotations of some positions, computed once and applied to the rows of every head and layer.
public struct RoPETable: Sendable {
  /// How many there are.
  public private(set) var count = 0
  public let headDimension: Int
  /// Pairs of each head that are rotated.
  public let pairs: Int
  /// `[capacity][pairs]`
  public private(set) var cosines: [Float]
  /// `[capacity][pairs]`
  public private(set) var sines: [Float]

  /// A table with room for `capacity` positions and none in it yet.
  public init(_ rope: RoPE, capacity: Int) {
    headDimension = rope.headDimension
    pairs = rope.pairs
    cosines = [Float](repeating: 0, count: capacity * pairs)
    // Not a copy of the cosines, which would share their memory until the first fill.
    sines = [Float](repeating: 0, count: capacity * pairs)
  }

  public init(_ rope: RoPE, positions: Range<Int>, contextTokens: Int = 0) {
    self.init(rope, capacity: positions.count)
    append(rope, positions: positions, contextTokens: contextTokens)
  }

  /// Empties the table; its memory stays.
  public mutating func removeAll() { count = 0 }

  /// Adds positions behind those that are there; allocates nothing.
  ///
  /// - Parameters:
  ///   - positions: counted from the start of the whole sequence; no more than the table has room
  ///     for.
  ///   - contextTokens: the length of the sequence's context, for frequencies that depend on it.
  public mutating func append(_ rope: RoPE, positions: Range<Int>, contextTokens: Int = 0) {
    precondition(
      rope.headDimension == headDimension && rope.pairs == pairs, "one head dimension a table")
    var index = count * pairs
    count += positions.count
    precondition(count * pairs <= cosines.count, "no more positions than the capacity")
    for position in positions {
      for pair in 0..<pairs {
        (cosines[index], sines[index]) = rope.rotation(
          ofPair: pair, at: position, contextTokens: contextTokens)
        index += 1
      }
    }
  }

  /// Rotates `count` rows of one position in place: `[count][headDimension]`, the rows of all
  /// heads, one after another.
  ///
  /// - Parameter entry: the position's number in the table.
  public func rotate(_ rows: UnsafeMutablePointer<Float>, count: Int, by entry: Int) {
    precondition(0..<self.count ~= entry, "an entry of the table")
    let offset = entry * pairs
    cosines.withUnsafeBufferPointer { cosines in
      sines.withUnsafeBufferPointer { sines in
        for row in 0..<count {
          rotateHalves(
            rows + row * headDimension, cosines: cosines.baseAddress! + offset,
            sines: sines.baseAddress! + offset, pairs: pairs)
        }
      }
    }
  }
}

/// Rotates the first `2 · pairs` elements of one row in place. The two halves are pointers of their own, so that the
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
