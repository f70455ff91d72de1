import MPI
import TestSupport
import Testing

extension RankTests {
  @Suite @MPIThread struct CollectiveTests {
    @Test(arguments: messageLengths)
    func broadcastBytesFromEveryRoot(bytes: Int) throws {
      for root in 0..<world.size {
        let memory = Memory(sampleBytes(bytes, seed: world.rank))
        try world.broadcast(bytes: memory.bytes, from: root)
        #expect(memory.contents == sampleBytes(bytes, seed: root), "root \(root)")
      }
    }

    @Test(arguments: messageLengths)
    func broadcastArraysWhoseLengthOnlyTheRootKnows(count: Int) throws {
      for root in 0..<world.size {
        let expected = sampleBytes(count, seed: root).map { Int32($0) - 100 }
        let mine = world.rank == root ? expected : [Int32](repeating: 0, count: world.rank)
        #expect(try world.broadcast(array: mine, from: root) == expected, "root \(root)")
      }
    }

    @Test func broadcastValues() throws {
      for root in 0..<world.size {
        #expect(try world.broadcast(value: world.rank * 3, from: root) == root * 3)
        let pair = try world.broadcast(value: (UInt8(world.rank), 0.5), from: root)
        #expect(pair == (UInt8(root), 0.5))
      }
    }

    @Test(arguments: messageLengths)
    func gatherEqualLengths(bytes: Int) throws {
      let mine = Memory(sampleBytes(bytes, seed: world.rank))
      let expected = (0..<world.size).flatMap { sampleBytes(bytes, seed: $0) }
      for root in 0..<world.size {
        let all = Memory(count: world.rank == root ? world.size * bytes : 0)
        try world.gather(bytes: .init(mine.bytes), into: all.bytes, to: root)
        #expect(all.contents == (world.rank == root ? expected : []), "root \(root)")
      }
      let all = Memory(count: world.size * bytes)
      try world.allGather(bytes: .init(mine.bytes), into: all.bytes)
      #expect(all.contents == expected)
    }

    @Test func gatherValues() throws {
      let expected = (0..<world.size).map { Double($0) / 4 }
      for root in 0..<world.size {
        let all = try world.gather(value: Double(world.rank) / 4, to: root)
        #expect(all == (world.rank == root ? expected : nil), "root \(root)")
      }
      #expect(try world.allGather(value: Double(world.rank) / 4) == expected)
    }

    @Test(arguments: messageLengths)
    func gatherArraysOfUnequalLengths(step: Int) throws {
      // With a step of 0, nobody has anything; else the last rank has nothing.
      let arrays = (0..<world.size).map { sampleBytes((world.size - 1 - $0) * step, seed: $0) }
      for root in 0..<world.size {
        let all = try world.gather(array: arrays[world.rank], to: root)
        #expect(all == (world.rank == root ? arrays : nil), "root \(root)")
      }
    }

    @Test func anInvalidRootIsAnError() throws {
      let memory = Memory(count: world.size)
      let part = UnsafeRawBufferPointer(rebasing: memory.bytes[..<1])
      for root in [-1, world.size] {
        let errors = [
          ("MPI_Ibcast", thrown { try world.broadcast(bytes: memory.bytes, from: root) }),
          ("MPI_Ibcast", thrown { _ = try world.broadcast(array: [1], from: root) }),
          ("MPI_Igather", thrown { try world.gather(bytes: part, into: memory.bytes, to: root) }),
          ("MPI_Igather", thrown { _ = try world.gather(value: 1, to: root) }),
          ("MPI_Igather", thrown { _ = try world.gather(array: [1], to: root) }),
        ]
        for (routine, error) in errors {
          #expect(error?.errorClass == .root && error?.routine == routine, "root \(root)")
        }
      }
    }

    @Test(arguments: WaitPolicy.allCases)
    func everyPolicyWaitsAtABarrier(policy: WaitPolicy) throws {
      world.waitPolicy = policy
      defer { world.waitPolicy = .yield }
      for _ in 0..<20 { try world.barrier() }
    }
  }
}
