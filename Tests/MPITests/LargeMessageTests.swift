import Foundation
import MPI
import TestSupport
import Testing

extension RankTests {
  /// Messages over 2^31 bytes. On 1 or 2 ranks they take 5 GB of memory, so they run only where the
  /// environment variable `RINGFLASH_LARGE_TESTS` is set, as `launch/test` does where there is room.
  @Suite(.enabled(if: getenv("RINGFLASH_LARGE_TESTS") != nil))
  @MPIThread struct LargeMessageTests {
    static let bytes = 1 << 31 + 12_344

    /// One rank sends and another one receives, where there are two.
    let sender = world.size - 1
    let receiver = 0

    /// 64-bit words that depend on the place and the rank.
    private nonisolated static func word(_ index: Int, _ rank: Int) -> Int {
      index &* 0x9E37_79B9 &+ rank
    }

    private func region(_ bytes: Int, of rank: Int) -> Memory {
      let memory = Memory(count: bytes)
      let words = memory.bytes.bindMemory(to: Int.self)
      for index in 0..<words.count { words[index] = Self.word(index, rank) }
      return memory
    }

    private func firstWrongWord(
      _ bytes: UnsafeMutableRawBufferPointer, from rank: Int, startingAt start: Int = 0
    ) -> Int? {
      let words = bytes.bindMemory(to: Int.self)
      for index in 0..<words.count where words[index] != Self.word(start + index, rank) {
        return index
      }
      return nil
    }

    @Test func plainMessage() throws {
      let outgoing = world.rank == sender ? region(Self.bytes, of: sender) : nil
      let incoming = world.rank == receiver ? Memory(count: Self.bytes) : nil
      let receive = try incoming.map {
        try world.startReceive(into: $0.bytes, from: sender, tag: 0)
      }
      if let outgoing {
        try world.startSend(.init(outgoing.bytes), to: receiver, tag: 0).wait()
      }
      try receive?.wait()
      if let incoming { #expect(firstWrongWord(incoming.bytes, from: sender) == nil) }
    }

    @Test func blockMessage() throws {
      let blockBytes = 64 << 20
      let blocks = Array((0..<34).reversed())
      let bytes = blocks.count * blockBytes
      let cache = world.rank == sender ? region(bytes, of: sender) : nil
      let incoming = world.rank == receiver ? Memory(count: bytes) : nil
      let receive = try incoming.map {
        try world.startReceiveBlocks(
          into: $0.bytes.baseAddress!, blockBytes: blockBytes, count: blocks.count, from: sender,
          tag: 0)
      }
      if let cache {
        try world.startSendBlocks(
          base: cache.bytes.baseAddress!, blockBytes: blockBytes, blocks: blocks, to: receiver,
          tag: 0
        ).wait()
      }
      try receive?.wait()
      guard let incoming else { return }
      for (place, block) in blocks.enumerated() {
        let arrived = UnsafeMutableRawBufferPointer(
          rebasing: incoming.bytes[place * blockBytes..<(place + 1) * blockBytes])
        #expect(
          firstWrongWord(arrived, from: sender, startingAt: block * blockBytes / 8) == nil,
          "block \(block)")
      }
    }

    @Test func broadcast() throws {
      let memory = world.rank == sender ? region(Self.bytes, of: sender) : Memory(count: Self.bytes)
      try world.broadcast(bytes: memory.bytes, from: sender)
      #expect(firstWrongWord(memory.bytes, from: sender) == nil)
    }

    /// All ranks together have more than 2^31 bytes; one rank alone, in its one part.
    @Test func gatherEqualLengths() throws {
      let bytes = Self.bytes / world.size / 8 * 8 + 8
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
      let count = Self.bytes / world.size / 8 + 1
      let mine = [Int](unsafeUninitializedCapacity: count) { words, initialized in
        for index in 0..<count { words[index] = Self.word(index, world.rank) }
        initialized = count
      }
      let all = try world.gather(array: mine, to: 0)
      for (rank, array) in (all ?? []).enumerated() {
        #expect(array.count == count)
        let firstWrong = array.withUnsafeBufferPointer { words in
          (0..<words.count).first { words[$0] != Self.word($0, rank) }
        }
        #expect(firstWrong == nil, "rank \(rank)")
      }
    }
  }
}
