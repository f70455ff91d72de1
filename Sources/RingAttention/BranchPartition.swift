/// Who owns which KV blocks of what follows the context, in each of several branches: a value that
/// every rank computes for itself.
///
/// A branch is one question with its answer; branches share the context and nothing else. A
/// branch's blocks go round the ranks, and each branch begins with another rank, those with the
/// fewest blocks of the context first.
public struct BranchPartition: Sendable, Equatable {
  /// All ranks, by ascending numbers of blocks of the context.
  private let order: [Int]

  public init(context: SequencePartition) {
    let counts = (0..<context.ranks).map(context.blockCount(of:))
    order = counts.indices.sorted { (counts[$0], $0) < (counts[$1], $1) }
  }

  /// - Parameter block: counted from the branch's first.
  public func owner(branch: Int, block: Int) -> Int {
    order[(branch + block) % order.count]
  }

  /// The first of a branch's blocks that a rank owns; the next ones follow at a distance of
  /// `ranks`.
  public func firstBlock(branch: Int, of rank: Int) -> Int {
    let place = order.firstIndex(of: rank)!
    return (place - branch % order.count + order.count) % order.count
  }

  public var ranks: Int { order.count }

  /// How many of a branch's first `blocks` blocks a rank owns.
  public func blockCount(branch: Int, blocks: Int, of rank: Int) -> Int {
    (max(0, blocks - firstBlock(branch: branch, of: rank)) + ranks - 1) / ranks
  }
}
