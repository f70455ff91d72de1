/// Where the two elements of a pair that RoPE rotates stand in a head's row.
///
/// Scores do not depend on it, if the rows of the query and key projections are in the same order: files
/// differ in it.
public enum RotationLayout: String, Equatable, Hashable, Sendable {
  /// Pair i is elements i and pairs + i.
  case halves
  /// Pair i is elements 2i and 2i + 1.
  case adjacent
}
