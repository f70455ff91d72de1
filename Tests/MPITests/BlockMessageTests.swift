import MPI
import TestSupport
import Testing

extension RankTests {
  @Suite @MPIThread struct BlockMessageTests {
    static let regionBlocks = 9

    let next = (world.rank + 1) % world.size
    let previous = (world.rank + world.size - 1) % world.size

    /// The blocks that rank `rank` sends: the list rotated by its rank, so that ranks differ.
    private func blocks(_ list: [Int], of rank: Int) -> [Int] {
      guard !list.isEmpty else { return [] }
      let shift = rank % list.count
      return Array(list[shift...] + list[..<shift])
    }

    private func region(of rank: Int, blockBytes: Int) -> [UInt8] {
      sampleBytes(Self.regionBlocks * blockBytes, seed: rank)
    }

    /// What another rank should receive.
    private func message(_ list: [Int], of rank: Int, blockBytes: Int) -> [UInt8] {
      let region = region(of: rank, blockBytes: blockBytes)
      return blocks(list, of: rank).flatMap { region[$0 * blockBytes..<($0 + 1) * blockBytes] }
    }

    @Test(
      arguments: [1, 3, 4_096, 100_003], [[], [4], [0, 1, 2, 3], [7, 1, 8, 0, 3], [5, 5, 2]])
    func everyRanksBlocksGoRoundTheRing(blockBytes: Int, list: [Int]) throws {
      let cache = Memory(region(of: world.rank, blockBytes: blockBytes))
      var current = Memory(count: max(1, list.count * blockBytes))
      var arriving = Memory(count: max(1, list.count * blockBytes))
      for hop in 1...world.size {
        // The first message is the region itself; later ones are passed on as they arrived.
        let receive = try world.startReceiveBlocks(
          into: arriving.bytes.baseAddress!, blockBytes: blockBytes, count: list.count,
          from: previous, tag: hop)
        let send = try world.startSendBlocks(
          base: hop == 1 ? cache.bytes.baseAddress! : current.bytes.baseAddress!,
          blockBytes: blockBytes,
          blocks: hop == 1 ? blocks(list, of: world.rank) : Array(list.indices),
          to: next, tag: hop)
        try receive.wait()
        try send.wait()
        swap(&current, &arriving)
        let source = (world.rank + world.size - hop % world.size) % world.size
        #expect(
          current.contents.prefix(list.count * blockBytes)
            == message(list, of: source, blockBytes: blockBytes)[...],
          "hop \(hop), blocks of rank \(source)")
      }
      #expect(cache.contents == region(of: world.rank, blockBytes: blockBytes))
    }

    @Test func ranksMaySendDifferentNumbersOfBlocks() throws {
      let blockBytes = 1_000
      let cache = Memory(region(of: world.rank, blockBytes: blockBytes))
      let outgoing = Array((0..<world.rank % Self.regionBlocks).reversed())
      let incoming = Array((0..<previous % Self.regionBlocks).reversed())
      let arrived = Memory(count: Self.regionBlocks * blockBytes)
      let receive = try world.startReceiveBlocks(
        into: arrived.bytes.baseAddress!, blockBytes: blockBytes, count: incoming.count,
        from: previous, tag: 0)
      let send = try world.startSendBlocks(
        base: cache.bytes.baseAddress!, blockBytes: blockBytes, blocks: outgoing, to: next, tag: 0)
      try receive.wait()
      try send.wait()
      let region = region(of: previous, blockBytes: blockBytes)
      for (place, block) in incoming.enumerated() {
        #expect(
          arrived.contents[place * blockBytes..<(place + 1) * blockBytes]
            == region[block * blockBytes..<(block + 1) * blockBytes], "block \(block)")
      }
      #expect(arrived.contents[(incoming.count * blockBytes)...].allSatisfy { $0 == 0xEE })
    }

    @Test func aBlockTooFewIsAnError() throws {
      let memory = Memory(count: 40)
      let arrived = Memory(count: 40)
      let receive = try world.startReceiveBlocks(
        into: arrived.bytes.baseAddress!, blockBytes: 10, count: 3, from: previous, tag: 0)
      let send = try world.startSendBlocks(
        base: memory.bytes.baseAddress!, blockBytes: 10, blocks: [3, 0], to: next, tag: 0)
      var error: MPIError?
      do { try receive.wait() } catch let caught as MPIError { error = caught }
      try send.wait()
      #expect(error?.errorClass == .truncate)
      #expect(error?.message.contains("20 bytes came where 30 were expected") == true)
    }
  }
}
