/// How the blocks of a sequence are divided among the ranks, as named on the command line.
package enum PartitionKind: String, Codable, Sendable, CaseIterable {
  /// Each rank owns one run from the front and its mirror image from the back: causal work is
  /// balanced.
  case zigzag
  /// Each rank owns one run.
  case contiguous
  /// Block b is on rank b mod P.
  case striped
}
