import Kernels
import RingAttention
import Testing

@Suite struct RingScheduleTests {
  private static let windows: [Int?] = [nil, 1, 64, 100, 256, 257, 258, 300, 1000]

  /// Whether any query of block `query` sees any key of block `key`, by asking every pair of their
  /// tokens' bounds.
  private static func sees(_ query: Int, _ key: Int, window: Int?) -> Bool {
    (0..<tokensPerBlock).contains { token in
      let position = query * tokensPerBlock + token
      let first = max(0, window.map { position - $0 + 1 } ?? 0)
      return first / tokensPerBlock <= key && key <= position / tokensPerBlock
    }
  }

  @Test(arguments: windows)
  func masksKnowWhichBlocksAreSeen(window: Int?) {
    let pattern = AttentionPattern(slidingWindow: window)
    for query in 0..<8 {
      for key in 0..<8 {
        #expect(
          pattern.block(query, sees: key) == Self.sees(query, key, window: window),
          "window \(window ?? 0), query block \(query), key block \(key)")
      }
    }
  }

  /// Lets the messages go round and looks at what every rank holds after every hop.
  @Test(arguments: windows)
  func aBlockTravelsToAllThatSeeItAndNoFurther(window: Int?) {
    let pattern = AttentionPattern(slidingWindow: window)
    for kind in PartitionKind.allCases {
      for ranks in 1...8 {
        for blocks in [0, 1, 2, 7, 8, 16, 23, 40] {
          let label: Comment =
            "\(kind), \(blocks) blocks on \(ranks) ranks, window \(window ?? 0)"
          let partition = SequencePartition(kind, blocks: blocks, ranks: ranks)
          let schedule = RingSchedule(partition: partition, pattern: pattern)
          let owned = (0..<ranks).map(partition.blocks(of:))
          func isSeen(_ block: Int, by rank: Int) -> Bool {
            owned[rank].contains { Self.sees($0, block, window: window) }
          }

          var held = owned
          var largest = [Int](repeating: 0, count: ranks)
          for rank in 0..<ranks {
            #expect(schedule.source(at: rank, hop: 0) == rank, label)
            #expect(schedule.blocks(of: rank, atHop: 0) == owned[rank], label)
          }
          for hop in 1..<max(ranks, 1) {
            var next = held
            for rank in 0..<ranks {
              let source = (rank + hop) % ranks
              #expect(schedule.source(at: rank, hop: hop) == source, label)
              next[rank] = schedule.blocks(of: source, atHop: hop)
              largest[rank] = max(largest[rank], next[rank].count)
              // Only what the sender holds can be sent on.
              #expect(Set(next[rank]).isSubset(of: held[(rank + 1) % ranks]), label)
              let sender = (rank + 1) % ranks
              let sent = schedule.messages(at: sender, hop: hop - 1).sent.map { held[sender][$0] }
              #expect(sent == next[rank], label)
              #expect(
                schedule.messages(at: rank, hop: hop - 1).received == next[rank].count, label)
              #expect(next[rank] == next[rank].sorted(), label)
              for block in owned[source] {
                if isSeen(block, by: rank) {
                  #expect(
                    next[rank].contains(block), "\(label.rawValue), block \(block) at rank \(rank)")
                }
                let isWanted = (hop..<ranks).contains {
                  isSeen(block, by: (source - $0 + ranks) % ranks)
                }
                #expect(next[rank].contains(block) == isWanted, "\(label.rawValue), block \(block)")
              }
            }
            held = next
          }
          for rank in 0..<ranks {
            #expect(schedule.largestMessage(to: rank) == largest[rank], label)
          }
        }
      }
    }
  }

  /// A window of one block needs one block more than the rank's own on each side of a run's border.
  @Test(arguments: [2, 3, 4, 8])
  func aWindowMakesAHaloOnly(ranks: Int) {
    let blocks = 10 * ranks
    for window in [1, 100, 256, 257] {
      let schedule = RingSchedule(
        partition: SequencePartition(.zigzag, blocks: blocks, ranks: ranks),
        pattern: AttentionPattern(slidingWindow: window))
      // The last block of each run but the sequence's last is seen by the next run's owner; a
      // window of one token sees no other block. The neighbouring run is one hop down the ring, or
      // up it and so all the way round.
      for rank in 0..<ranks {
        let halo = schedule.blocks(of: rank, atHop: 1)
        #expect(halo.count <= (window == 1 ? 0 : 2), "window \(window), rank \(rank) of \(ranks)")
        #expect(
          schedule.largestMessage(to: rank) <= 2, "window \(window), rank \(rank) of \(ranks)")
      }
    }
  }
}
