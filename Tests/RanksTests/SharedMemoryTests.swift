import MPI
import Ranks
import TestSupport
import Testing

extension RankTests {
  @Suite @MPIThread struct SharedMemoryTests {
    /// None, one byte, around a page, and not a whole number of pages.
    @Test(arguments: [0, 1, 4_096, 4_097, 3_000_001])
    func whatEachRankWritesAllRead(byteCount: Int) throws {
      let host = try world.hostCommunicator()
      let memory = try SharedMemory(byteCount: byteCount, host: host)
      #expect(memory.bytes.count == byteCount)
      #expect(memory.bytes.allSatisfy { $0 == 0 })

      // The parts follow one another and cover the whole.
      let parts = try host.allGather(
        value: (memory.ownPart.lowerBound, memory.ownPart.upperBound))
      #expect(parts[0].0 == 0 && parts[host.size - 1].1 == byteCount)
      for (left, right) in zip(parts, parts.dropFirst()) { #expect(left.1 == right.0) }

      try host.barrier()
      let expected = sampleBytes(byteCount, seed: 3)
      for index in memory.ownPart { memory.bytes[index] = expected[index] }
      try host.barrier()
      #expect([UInt8](memory.bytes) == expected)
    }

    /// The memory outlives the rank that made it, and each piece is its own.
    @Test func itStaysUntilTheLastRankLetsGo() throws {
      let host = try world.hostCommunicator()
      var first: SharedMemory? = try SharedMemory(byteCount: 10_000, host: host)
      let second = try SharedMemory(byteCount: 10_000, host: host)
      let own = try #require(first).ownPart
      for index in own { first?.bytes[index] = 1 }
      for index in own { second.bytes[index] = 2 }
      try host.barrier()
      if host.rank == 0 { first = nil }
      try host.barrier()
      #expect(first?.bytes.allSatisfy { $0 == 1 } != false)
      #expect(second.bytes.allSatisfy { $0 == 2 })
    }

    /// More than an address space: an error on every rank, and no rank waits for another.
    @Test func tooMuchIsAnErrorEverywhere() throws {
      let host = try world.hostCommunicator()
      let error = #expect(throws: SharedMemoryError.self) {
        _ = try SharedMemory(byteCount: .max - 8191, host: host)
      }
      #expect(error?.description.contains("\(Int.max - 8191) bytes") == true)
      #expect(error?.description.contains(MPIEnvironment.processorName) == true)
      try host.barrier()
    }

    @Test func differentSizesAreAnErrorEverywhere() throws {
      let host = try world.hostCommunicator()
      guard host.size > 1 else { return }
      #expect(throws: SharedMemoryError.self) {
        _ = try SharedMemory(byteCount: host.rank == 1 ? 8_192 : 4_096, host: host)
      }
      try host.barrier()
    }
  }
}
