import Kernels
import RingAttention
import Testing

@Suite struct SequencePartitionTests {
  private static func forEachPartition(
    of kinds: [PartitionKind] = PartitionKind.allCases,
    _ body: (_ partition: SequencePartition, _ blocks: Int, _ ranks: Int, _ label: Comment) -> Void
  ) {
    for kind in kinds {
      for ranks in 1...17 {
        for blocks in 0...40 {
          body(
            SequencePartition(kind, blocks: blocks, ranks: ranks), blocks, ranks,
            "\(kind), \(blocks) blocks on \(ranks) ranks")
        }
      }
    }
  }

  @Test func everyBlockHasOneOwner() {
    Self.forEachPartition { partition, blocks, ranks, label in
      #expect(partition.ranks == ranks && partition.blockCount == blocks, label)
      let owned = (0..<ranks).map(partition.blocks(of:))
      #expect(owned.flatMap { $0 }.sorted() == Array(0..<blocks), label)
      for rank in 0..<ranks {
        #expect(owned[rank] == owned[rank].sorted(), label)
        #expect(partition.blockCount(of: rank) == owned[rank].count, label)
        #expect(owned[rank].allSatisfy { partition.owner(of: $0) == rank }, label)
        #expect(owned[rank].count <= (blocks + ranks - 1) / ranks, label)
        #expect(owned[rank].count >= blocks / ranks, label)
      }
      #expect(partition.owner(of: blocks) == nil, label)
    }
  }

  @Test func rangesAreAscendingAndNotEmpty() {
    Self.forEachPartition { partition, _, _, label in
      for ranges in partition.ranges {
        #expect(ranges.allSatisfy { !$0.isEmpty }, label)
        for (left, right) in zip(ranges, ranges.dropFirst()) {
          #expect(left.upperBound <= right.lowerBound, label)
        }
      }
    }
  }

  @Test func neighboursStayTogether() {
    Self.forEachPartition(of: [.zigzag]) { partition, _, _, label in
      #expect(partition.ranges.allSatisfy { $0.count <= 2 }, label)
    }
    Self.forEachPartition(of: [.contiguous]) { partition, _, _, label in
      #expect(partition.ranges.allSatisfy { $0.count <= 1 }, label)
    }
  }

  @Test(arguments: [1, 2, 3, 4, 5, 8, 13, 16, 64])
  func zigzagBalancesCausalWork(ranks: Int) {
    for blocksPerRank in [40, 51, 64, 101] {
      for surplus in [0, 1, ranks / 2, ranks - 1] {
        let blocks = blocksPerRank * ranks + surplus
        let partition = SequencePartition(.zigzag, blocks: blocks, ranks: ranks)
        let work = (0..<ranks).map { rank in
          partition.blocks(of: rank).reduce(0.0) { $0 + Double($1) + 0.5 }
        }
        let balance = work.reduce(0, +) / Double(ranks) / work.max()!
        #expect(balance >= 0.95, "\(blocks) blocks on \(ranks) ranks")
      }
    }
  }

  /// Of a branch every block has one owner, the numbers agree, and no rank has two more than another.
  @Test func blocksOfBranchesGoRoundTheRanks() {
    Self.forEachPartition { partition, blocks, ranks, label in
      let branches = BranchPartition(context: partition)
      for branch in [0, 1, ranks, 2 * ranks + 1] {
        for count in [0, 1, ranks, 2 * ranks + 1] {
          let owners = (0..<count).map { branches.owner(branch: branch, block: $0) }
          for rank in 0..<ranks {
            let own = owners.indices.filter { owners[$0] == rank }
            #expect(
              branches.blockCount(branch: branch, blocks: count, of: rank) == own.count, label)
            let first = branches.firstBlock(branch: branch, of: rank)
            #expect(own == Array(stride(from: first, to: count, by: ranks)), label)
          }
        }
      }
      let first = (0..<ranks).map { branches.owner(branch: $0, block: 0) }
      #expect(Set(first).count == ranks, label)
      let counts = first.map { partition.blockCount(of: $0) }
      #expect(counts == counts.sorted(), label)
    }
  }

  @Test(arguments: [1, 2, 255, 256, 257, 511, 512, 4095, 10_000])
  func sharesHoldEveryTokenOnceInOrder(tokens: Int) {
    let blocks = (tokens + tokensPerBlock - 1) / tokensPerBlock
    for kind in PartitionKind.allCases {
      for ranks in [1, 2, 3, 8, 17] {
        let label: Comment = "\(kind), \(tokens) tokens on \(ranks) ranks"
        let partition = SequencePartition(kind, blocks: blocks, ranks: ranks)
        var owners = [Int?](repeating: nil, count: tokens)
        for rank in 0..<ranks {
          let share = SequenceShare(partition: partition, rank: rank, sequenceTokens: tokens)
          #expect(share.blocks == partition.blocks(of: rank), label)
          let perBlock = share.blocks.indices.map(share.tokenCount(ofBlock:))
          #expect(share.tokenCount == perBlock.reduce(0, +), label)
          #expect(perBlock.allSatisfy { (1...tokensPerBlock).contains($0) }, label)
          #expect(perBlock.dropLast().allSatisfy { $0 == tokensPerBlock }, label)
          var last = -1
          for token in 0..<share.tokenCount {
            let position = share.position(ofToken: token)
            #expect(position > last && position < tokens, label)
            #expect(share.blocks[token / tokensPerBlock] == position / tokensPerBlock, label)
            guard (0..<tokens).contains(position) else { continue }
            #expect(owners[position] == nil, label)
            owners[position] = rank
            last = position
          }
        }
        #expect(!owners.contains(nil), label)
      }
    }
  }
}
