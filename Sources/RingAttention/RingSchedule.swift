import Kernels

/// Which blocks travel over which hop of a ring, for one attention pattern: a pure function of the partition
/// that every rank evaluates alike.
///
/// Messages go from rank r to rank r − 1. The later run of a zigzag rank is seen by lower ranks
/// only, so in this direction it stops before it has gone all the way round. A block goes on only
/// while somebody further on sees it.
public struct RingSchedule: Sendable {
  private let ranks: Int
  /// `[ranks][blocks of the rank]`: how many hops the block travels, 0 if nobody else sees it.
  private let hops: [[Int]]
  private let blocks: [[Int]]
  /// `[ranks][blocks of the rank]`: the same numbers as in `hops`, ascending.
  private let sortedHops: [[Int]]

  /// - Parameter firstBlock: the first one whose tokens attend.
  public init(partition: SequencePartition, pattern: AttentionPattern, from firstBlock: Int = 0) {
    ranks = partition.ranks
    blocks = (0..<partition.ranks).map(partition.blocks(of:))
    let ranks = partition.ranks
    hops = (0..<ranks).map { source in
      partition.blocks(of: source).map { block in
        let seeing = pattern.queryBlocks(seeing: block).clamped(to: firstBlock..<Int.max)
        return
          (1..<max(ranks, 1)).last { distance in
            let rank = (source - distance + ranks) % ranks
            return partition.ranges[rank].contains { $0.overlaps(seeing) }
          } ?? 0
      }
    }
    sortedHops = hops.map { $0.sorted() }
  }

  /// The blocks of `source`, ascending, that travel at least `hop` hops; with hop 0, all it owns.
  public func blocks(of source: Int, atHop hop: Int) -> [Int] {
    zip(blocks[source], hops[source]).filter { $0.1 >= hop }.map(\.0)
  }

  /// How many those are.
  private func blockCount(of source: Int, atHop hop: Int) -> Int {
    // The first that travels so far, by halving.
    let sorted = sortedHops[source]
    var (low, high) = (0, sorted.count)
    while low < high {
      let middle = (low + high) / 2
      if sorted[middle] < hop { low = middle + 1 } else { high = middle }
    }
    return sorted.count - low
  }

  /// The rank whose blocks `rank` holds after `hop` hops.
  public func source(at rank: Int, hop: Int) -> Int { (rank + hop) % ranks }

  /// A rank's two messages of one hop, 0…ranks − 2.
  ///
  /// - Returns: which of the blocks that it holds it sends, as places among them, and how many it
  ///   receives.
  public func messages(at rank: Int, hop: Int) -> (sent: [Int], received: Int) {
    let source = source(at: rank, hop: hop)
    let leaving = Set(blocks(of: source, atHop: hop + 1))
    let held = blocks(of: source, atHop: hop)
    return (
      held.indices.filter { leaving.contains(held[$0]) },
      blockCount(of: self.source(at: rank, hop: hop + 1), atHop: hop + 1)
    )
  }

  /// Blocks times hops of all ranks' messages.
  public var blockHops: Int { hops.joined().reduce(0, +) }

  /// The most blocks that a rank receives in one hop.
  public func largestMessage(to rank: Int) -> Int {
    (1..<max(ranks, 1)).map { blockCount(of: source(at: rank, hop: $0), atHop: $0) }.max() ?? 0
  }
}
