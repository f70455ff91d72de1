import Foundation
import MPI
import Ranks
import TestSupport
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
  }
}
