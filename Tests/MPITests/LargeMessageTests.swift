import Foundation
import MPI
import Testing

extension RankTests {
  /// Messages over 2^31 bytes. They take about 7 GB with one rank, 13 GB with two; the environment
  /// variable `RINGFLASH_LARGE_TESTS` switches them on.
  @Suite(.enabled(if: getenv("RINGFLASH_LARGE_TESTS") != nil))
  @MPIThread struct LargeMessageTests {
    static let bytes = 1 << 31 + 12_345

    let next = (world.rank + 1) % world.size
    let previous = (world.rank + world.size - 1) % world.size

    /// Fast to make and to check: 64-bit words that depend on the place and the rank.
    private func word(_ index: Int, _ rank: Int) -> Int { index &* 0x9E37_79B9 &+ rank }

    private func region(_ bytes: Int, of rank: Int) -> Memory {
      let memory = Memory(count: (bytes + 7) / 8 * 8)
      let words = memory.bytes.bindMemory(to: Int.self)
      for index in words.indices { words[index] = word(index, rank) }
      return memory
    }

    private func firstWrongWord(
      _ bytes: UnsafeMutableRawBufferPointer, from rank: Int, startingAt start: Int = 0
    ) -> Int? {
      let words = UnsafeMutableRawBufferPointer(rebasing: bytes[..<(bytes.count / 8 * 8)])
        .bindMemory(to: Int.self)
      return words.indices.first { words[$0] != word(start + $0, rank) }
    }

    @Test func plainMessage() throws {
      let outgoing = region(Self.bytes, of: world.rank)
      let incoming = Memory(count: Self.bytes)
      let receive = try world.startReceive(into: incoming.bytes, from: previous, tag: 0)
      let sent = UnsafeRawBufferPointer(rebasing: outgoing.bytes[..<Self.bytes])
      let send = try world.startSend(sent, to: next, tag: 0)
      try receive.wait()
      try send.wait()
      #expect(firstWrongWord(incoming.bytes, from: previous) == nil)
    }

    @Test func blockMessage() throws {
      let blockBytes = 64 << 20
      let blocks = Array((0..<34).reversed())
      let cache = region(blocks.count * blockBytes, of: world.rank)
      let incoming = Memory(count: cache.bytes.count)
      let receive = try world.startReceiveBlocks(
        into: incoming.bytes.baseAddress!, blockBytes: blockBytes, count: blocks.count,
        from: previous, tag: 0)
      let send = try world.startSendBlocks(
        base: cache.bytes.baseAddress!, blockBytes: blockBytes, blocks: blocks, to: next, tag: 0)
      try receive.wait()
      try send.wait()
      for (place, block) in blocks.enumerated() {
        let arrived = UnsafeMutableRawBufferPointer(
          rebasing: incoming.bytes[place * blockBytes..<(place + 1) * blockBytes])
        #expect(
          firstWrongWord(arrived, from: previous, startingAt: block * blockBytes / 8) == nil,
          "block \(block)")
      }
    }

    @Test func broadcast() throws {
      let memory = region(Self.bytes, of: world.rank)
      let root = world.size - 1
      let bytes = UnsafeMutableRawBufferPointer(rebasing: memory.bytes[..<Self.bytes])
      try world.broadcast(bytes: bytes, from: root)
      #expect(firstWrongWord(bytes, from: root) == nil)
    }

    @Test func gatherEqualLengths() throws {
      let bytes = (Self.bytes + 7) / 8 * 8
      let mine = region(bytes, of: world.rank)
      let all = Memory(count: world.rank == 0 ? world.size * bytes : 0)
      try world.gather(bytes: .init(mine.bytes), into: all.bytes, to: 0)
      guard world.rank == 0 else { return }
      for rank in 0..<world.size {
        let part = UnsafeMutableRawBufferPointer(
          rebasing: all.bytes[rank * bytes..<(rank + 1) * bytes])
        #expect(firstWrongWord(part, from: rank) == nil, "rank \(rank)")
      }
    }

    @Test func gatherArrays() throws {
      let count = (Self.bytes + 7) / 8
      let mine = (0..<count).map { word($0, world.rank) }
      let all = try world.gather(array: mine, to: 0)
      for (rank, array) in (all ?? []).enumerated() {
        #expect(array.count == count)
        #expect(array.indices.first { array[$0] != word($0, rank) } == nil, "rank \(rank)")
      }
    }
  }
}
