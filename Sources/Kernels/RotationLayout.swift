/// Where the two elements of a pair that RoPE rotates stand in a head's row.
///
/// Scores do not depend on it, if the rows of the query and key projections are in the same order: files
/// differ in it.
public enum RotationLayout: String, Equatable, Hashable, Sendable {
  /// Pair i is elements i and distance + i.
  case halves
  /// Pair i is elements 2i and 2i + 1.
  case adjacent
}

/// The rotation of one position's heads.
public struct HeadRotation {
  /// `[pairs]`, of the angles.
  let cosines: UnsafePointer<Float>
  /// `[pairs]`
  let sines: UnsafePointer<Float>
  let pairs: Int
  let distance: Int
  let layout: RotationLayout

  /// - Parameters:
  ///   - pairs: at most half of the head's elements.
  ///   - distance: from the first element of a pair to its second in the layout of halves; nil for
  ///     `pairs`.
  public init(
    cosines: UnsafePointer<Float>, sines: UnsafePointer<Float>, pairs: Int, distance: Int? = nil,
    layout: RotationLayout = .halves
  ) {
    self.cosines = cosines
    self.sines = sines
    self.pairs = pairs
    self.distance = distance ?? pairs
    self.layout = layout
  }
}
