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
/// A rank may own nothing. No rank owns more than its equal share rounded up to a whole block, of what is
/// there and of what is to be computed each.
public struct SequencePartition: Sendable, Equatable {
  /// `[ranks][…]`: the blocks of each rank as ascending, disjoint ranges.
  public let ranges: [[Range<Int>]]

  public var ranks: Int { ranges.count }

  /// Blocks of the whole sequence.
  public var blockCount: Int { ranges.joined().reduce(0) { $0 + $1.count } }

  /// Of a sequence that goes on behind `baseBlocks` blocks whose keys and values are there: these are shared
  /// out evenly, and so is by itself what is to be computed.
  public init(_ kind: PartitionKind, blocks: Int, baseBlocks: Int = 0, ranks: Int) {
    precondition(
      ranks > 0 && 0...max(0, blocks) ~= baseBlocks,
      "a partition has ranks, and no negative number of blocks")
    let base = Self.ranges(kind, blocks: baseBlocks, ranks: ranks)
    let rest = Self.ranges(kind, blocks: blocks - baseBlocks, ranks: ranks)
    ranges = zip(base, rest).map { base, rest in
      base + rest.map { $0.lowerBound + baseBlocks..<$0.upperBound + baseBlocks }
    }
  }

  /// Of a context without its last block if that is partly filled, and of `blocks` blocks behind it that are
  /// a branch's: who owns a block is who owns it there.
  public init(context: SequencePartition, firstBlock: Int, branch: Int, blocks: Int) {
    let branches = BranchPartition(context: context)
    var ranges = context.ranges.map { ranges in
      ranges.map { $0.clamped(to: 0..<firstBlock) }.filter { !$0.isEmpty }
    }
    for block in 0..<blocks {
      let number = firstBlock + block
      ranges[branches.owner(branch: branch, block: block)].append(number..<number + 1)
    }
    self.ranges = ranges
  }

  private static func ranges(_ kind: PartitionKind, blocks: Int, ranks: Int) -> [[Range<Int>]] {
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
    return all.map { $0.filter { !$0.isEmpty } }
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

/// The tokens of a sequence that one rank computes, in the order in which the rank holds them: those of its
/// blocks, from a first position of the sequence on.
public struct SequenceShare: Sendable, Equatable {
  /// The rank's blocks that have such tokens, ascending.
  public let blocks: [Int]
  /// Tokens of the whole sequence.
  public let sequenceTokens: Int
  /// Tokens before the first position in the rank's first block.
  private let skipped: Int

  public init(
    partition: SequencePartition, rank: Int, sequenceTokens: Int, from firstPosition: Int = 0
  ) {
    let firstBlock = firstPosition / tokensPerBlock
    blocks = partition.blocks(of: rank).filter { $0 >= firstBlock }
    self.sequenceTokens = sequenceTokens
    skipped = blocks.first == firstBlock ? firstPosition % tokensPerBlock : 0
  }

  /// Where the tokens of the rank's block `index` are among all of its tokens. Only the sequence's last block,
  /// and the one with the first position, may have fewer than 256.
  public func tokens(ofBlock index: Int) -> Range<Int> {
    let start = index * tokensPerBlock
    let end = min(start + tokensPerBlock, start + sequenceTokens - blocks[index] * tokensPerBlock)
    return max(0, start - skipped)..<end - skipped
  }

  public func tokenCount(ofBlock index: Int) -> Int { tokens(ofBlock: index).count }

  /// Tokens that the rank computes.
  public var tokenCount: Int { blocks.indices.last.map { tokens(ofBlock: $0).upperBound } ?? 0 }

  /// The rank's block, and the place in it, of the rank's token `index`.
  public func place(ofToken index: Int) -> (block: Int, token: Int) {
    ((index + skipped) / tokensPerBlock, (index + skipped) % tokensPerBlock)
  }

  /// The global position of the rank's token `index`.
  public func position(ofToken index: Int) -> Int {
    let (block, token) = place(ofToken: index)
    return blocks[block] * tokensPerBlock + token
  }

  /// The global positions of the tokens of the rank's block `index`.
  public func positions(ofBlock index: Int) -> Range<Int> {
    let tokens = tokens(ofBlock: index)
    let first = position(ofToken: tokens.lowerBound)
    return first..<first + tokens.count
  }

  /// How many pairs of one of the rank's tokens and a key that it sees there are.
  func visiblePairs(_ pattern: AttentionPattern) -> Int {
    pattern.visiblePairs(positions: (0..<tokenCount).lazy.map(position(ofToken:)))
  }
}
