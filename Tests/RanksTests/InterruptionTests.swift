import MPI
import Ranks
import TestSupport
import Testing

extension RankTests {
  @Suite @MPIThread struct InterruptionTests {
    @Test func aSignalToOneRankIsKnownToAll() throws {
      let interruption = try Interruption(communicator: world) { world.rank == 0 }
      while !interruption.isRequested { interruption.poll() }
      try interruption.finish()
      let quiet = try Interruption(communicator: world) { false }
      for _ in 0..<100 { quiet.poll() }
      #expect(!quiet.isRequested)
      try quiet.finish()
      #expect(!quiet.isRequested)
    }
  }
}
