import Kernels

/// How a sequence's blocks are shared out.
public enum PartitionKind: String, Sendable, CaseIterable, Codable {
  /// 2P runs of nearly equal length; rank r owns runs r and 2P − 1 − r. Balances causal work, and
  /// keeps neighbours together, so that a sliding window needs only a halo.
  case zigzag
  /// One run a rank.
  case contiguous
  /// Block b on rank b mod P.
  case striped
}

/// Who owns which KV blocks of a sequence: a value that every rank computes for itself.
///
/// A rank may own nothing. No rank owns more than its equal share rounded up to a whole block.
public struct SequencePartition: Sendable, Equatable {
  /// `[ranks][…]`: the blocks of each rank as ascending, disjoint ranges.
  public let ranges: [[Range<Int>]]

  public var ranks: Int { ranges.count }

  /// Blocks of the whole sequence.
  public var blockCount: Int { ranges.joined().reduce(0) { $0 + $1.count } }

  public init(_ kind: PartitionKind, blocks: Int, ranks: Int) {
    precondition(
      ranks > 0 && blocks >= 0, "a partition has ranks, and no negative number of blocks")
    func share(_ rank: Int) -> Int { blocks * (rank + 1) / ranks - blocks * rank / ranks }
    let all: [[Range<Int>]]
    switch kind {
    case .contiguous:
      all = (0..<ranks).map { [blocks * $0 / ranks..<blocks * ($0 + 1) / ranks] }
    case .striped:
      all = (0..<ranks).map { rank in
        stride(from: rank, to: blocks, by: ranks).map { $0..<$0 + 1 }
      }
    case .zigzag:
      // The two runs of a rank add up to its equal share, so that nobody holds two blocks more than
      // another.
      let early = (0..<ranks).map { (share($0) + $0 % 2) / 2 }
      let lengths = early + (0..<ranks).reversed().map { share($0) - early[$0] }
      var start = 0
      let runs = lengths.map { length in
        defer { start += length }
        return start..<start + length
      }
      all = (0..<ranks).map { [runs[$0], runs[2 * ranks - 1 - $0]] }
    }
    ranges = all.map { $0.filter { !$0.isEmpty } }
  }

  /// The rank's blocks in ascending order.
  public func blocks(of rank: Int) -> [Int] {
    ranges[rank].flatMap { Array($0) }
  }

  public func blockCount(of rank: Int) -> Int {
    ranges[rank].reduce(0) { $0 + $1.count }
  }

  /// The rank that owns the block, or nil if the sequence has none of that number.
  public func owner(of block: Int) -> Int? {
    ranges.firstIndex { $0.contains { $0.contains(block) } }
  }
}

/// One rank's tokens of a sequence, in the order in which the rank holds them.
public struct SequenceShare: Sendable, Equatable {
  /// The rank's blocks, ascending.
  public let blocks: [Int]
  /// Tokens of the whole sequence.
  public let sequenceTokens: Int

  public init(partition: SequencePartition, rank: Int, sequenceTokens: Int) {
    blocks = partition.blocks(of: rank)
    self.sequenceTokens = sequenceTokens
  }

  /// Tokens of the rank's block `index`; only the sequence's last block may have fewer than 256.
  public func tokenCount(ofBlock index: Int) -> Int {
    min(tokensPerBlock, sequenceTokens - blocks[index] * tokensPerBlock)
  }

  /// Tokens that the rank owns.
  public var tokenCount: Int {
    guard let last = blocks.indices.last else { return 0 }
    return last * tokensPerBlock + tokenCount(ofBlock: last)
  }

  /// The global position of the rank's token `index`.
  public func position(ofToken index: Int) -> Int {
    blocks[index / tokensPerBlock] * tokensPerBlock + index % tokensPerBlock
  }

  /// How many pairs of one of the rank's tokens and a key that it sees there are.
  func visiblePairs(_ pattern: AttentionPattern) -> Int {
    pattern.visiblePairs(positions: (0..<tokenCount).lazy.map(position(ofToken:)))
  }
}
