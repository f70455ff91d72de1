import Foundation
import MPI
import TestSupport
import Testing

extension RankTests {
  @Suite @MPIThread struct EnvironmentTests {
    @Test func describesItself() throws {
      #expect(world.size >= 1)
      #expect((0..<world.size).contains(world.rank))
      #expect(MPIEnvironment.isInitialized)
      #expect(MPIEnvironment.standardVersion >= (3, 1))
      #expect(!MPIEnvironment.libraryVersion.isEmpty)
      #expect(!MPIEnvironment.libraryVersion.contains("\n"))
      #expect(!MPIEnvironment.processorName.isEmpty)
    }

    @Test func everyRankIsThereOnce() throws {
      #expect(try world.allGather(value: world.rank) == Array(0..<world.size))
    }

    @Test func hostCommunicatorHoldsTheRanksOfThisHost() throws {
      let names = try world.gather(array: Array(MPIEnvironment.processorName.utf8), to: 0)
      for _ in 0..<3 {  // each is freed before the next
        let host = try world.hostCommunicator()
        #expect((1...world.size).contains(host.size))
        let ranks = try host.allGather(value: world.rank)
        #expect(ranks[host.rank] == world.rank)
        #expect(ranks == ranks.sorted())
        if let names, Set(names).count == 1 { #expect(host.size == world.size) }
      }
    }
  }
}

@Test(arguments: [
  (1, 1, 1, WaitPolicy.spin), (2, 1, 2, .spin), (8, 1, 2, .yield), (1, 4, 2, .yield),
  (2, 4, 8, .spin), (2, 4, 7, .yield),
])
func ranksSpinOnlyOnCoresOfTheirOwn(
  ranksOnHost: Int, threadsPerRank: Int, usableCores: Int, policy: WaitPolicy
) {
  #expect(
    WaitPolicy.chosen(
      ranksOnHost: ranksOnHost, threadsPerRank: threadsPerRank, usableCores: usableCores)
      == policy)
}
