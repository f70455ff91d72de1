import MPI
import Ranks
import TestSupport
import Testing

extension RankTests {
  /// Of the ranks of a host, one tells of a failure, and once.
  @Suite @MPIThread struct VoiceTests {
    @Test func oneSpeaksForAll() throws {
      var told: [Failure] = []
      let job = try Job(
        world, describing: { Failure(.internalError, "\($0)") }, reporting: { told.append($0) })
      let failure = Failure(.badData, "rank \(world.rank) has seen it")
      let first = job.tell(failure)
      #expect(told == (first ? [failure] : []))
      #expect(try world.allReduce(value: first ? 1 : 0, .sum) == 1)
      #expect(!job.tell(failure) && told.count <= 1)
      try world.barrier()
    }
  }
}
