import Foundation
import MPI
import RankTesting
import Testing

extension RankTests {
  @Suite @MPIThread struct HeartbeatTests {
    @Test func ranksThatTickAreAlive() throws {
      for _ in 0..<20 {
        let heartbeat = try Heartbeat(communicator: world, timeout: .seconds(60)) { _ in
          Issue.record("nobody is silent")
        }
        #expect(heartbeat.watchedRank == (world.rank + 1) % world.size)
        #expect(heartbeat.watchedHost == MPIEnvironment.processorName)
        world.whileWaiting = { try? heartbeat.tick() }
        defer { world.whileWaiting = nil }
        // Ranks come to this at different times, and the last sign of one may meet another that waits.
        usleep(UInt32(1000 * (world.rank * 7 % 5)))
        try world.barrier()
        try heartbeat.finish()
      }
    }

    /// The last rank sleeps; only the one before it says so, once it has listened for long enough.
    @Test func aSilentRankIsNoticedByTheOneBefore() throws {
      var silent: [Int] = []
      var firstNotice: Duration?
      // A rank that others keep from a core for a while is not silent for as long as this.
      let timeout = Duration.milliseconds(1500)
      let created = SuspendingClock.now
      let heartbeat = try Heartbeat(communicator: world, timeout: timeout) {
        silent.append($0.watchedRank)
        firstNotice = firstNotice ?? SuspendingClock.now - created
      }
      // Nobody listens before all are here.
      try world.barrier()
      if world.rank == world.size - 1, world.size > 1 {
        usleep(3_000_000)
      } else {
        let start = SuspendingClock.now
        while SuspendingClock.now - start < timeout * 2 {
          try heartbeat.tick()
          usleep(1000)
        }
        #expect(Set(silent) == (world.rank == world.size - 2 ? [world.size - 1] : []))
      }
      if let firstNotice { #expect(firstNotice >= timeout * 0.9) }
      try world.barrier()
      // Who slept has not heard of the others either, and must not blame them.
      for _ in 0..<50 {
        let before = silent.count
        try heartbeat.tick()
        if world.rank == world.size - 1 { #expect(silent.count == before) }
        usleep(1000)
      }
      try heartbeat.finish()
    }

    @Test func duplicatesShareTheHookAndNotTheMessages() throws {
      let duplicate = try world.duplicate()
      #expect(duplicate.rank == world.rank && duplicate.size == world.size)
      var calls = 0
      world.whileWaiting = { calls += 1 }
      duplicate.tick()
      #expect(calls == 1)
      // Waits call it as well, also those of a host's communicator.
      let host = try duplicate.hostCommunicator()
      host.place = Place(stage: "test", part: ("layer", 5), detail: ("hop", 2))
      #expect("\(world.place)" == "layer 5, hop 2 of the test")
      world.whileWaiting = nil
      duplicate.tick()
      world.place = Place()

      // A message on one is not received on the other.
      let next = (world.rank + 1) % world.size
      let previous = (world.rank + world.size - 1) % world.size
      let memory = Memory(count: 1)
      let waiting = try duplicate.startReceive(into: memory.bytes, from: previous, tag: 3)
      try world.barrier()
      let sent = Memory(pattern(1, seed: 9))
      let send = try world.startSend(.init(sent.bytes), to: next, tag: 3)
      #expect(
        try world.receive(arrayOf: UInt8.self, count: 1, from: previous, tag: 3)
          == pattern(1, seed: 9))
      try send.wait()
      #expect(try !waiting.cancel())
      #expect(memory.contents == [0xEE])
    }

    @Test func aCancelledReceiveSaysWhetherItsMessageCame() throws {
      let (next, previous) =
        ((world.rank + 1) % world.size, (world.rank + world.size - 1) % world.size)
      let memory = Memory(count: 8)
      let receive = try world.startReceive(into: memory.bytes, from: previous, tag: 4)
      try world.send(array: [UInt64(world.rank)], to: next, tag: 4)
      try world.barrier()
      var pending = receive
      while try !pending.test() {}
      #expect(try pending.cancel())
      #expect(memory.bytes.load(as: UInt64.self) == UInt64(previous))
    }

    @Test func startedReductionsGiveTheHighest() throws {
      let values = UnsafeMutableBufferPointer<Int>.allocate(capacity: 2)
      defer { values.deallocate() }
      (values[0], values[1]) = (world.rank, -world.rank)
      var request = try world.startAllReduce(values: values, .maximum)
      #expect(try request.wait(unless: { false }))
      #expect(values[0] == world.size - 1 && values[1] == 0)
    }
  }
}
