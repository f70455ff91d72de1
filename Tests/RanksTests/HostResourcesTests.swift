import Ranks
import Testing

@Suite struct HostResourcesTests {
  private func running(threads: Int, ranks: Int, cores: Int) -> [Int] {
    (0..<ranks).map {
      HostResources.runningThreads(ofEach: threads, rank: $0, ranks: ranks, cores: cores)
    }
  }

  /// As many as there are threads and cores for, spread evenly.
  @Test func threadsThatRunAtOnce() {
    #expect(running(threads: 4, ranks: 2, cores: 8) == [4, 4])
    #expect(running(threads: 2, ranks: 2, cores: 64) == [2, 2])
    #expect(running(threads: 4, ranks: 2, cores: 5) == [3, 2])
    #expect(running(threads: 1, ranks: 4, cores: 2) == [1, 1, 0, 0])
    #expect(running(threads: 8, ranks: 1, cores: 2) == [2])
    for threads in [1, 2, 3, 7] {
      for ranks in [1, 2, 3, 8] {
        for cores in [1, 2, 5, 16, 100] {
          let each = running(threads: threads, ranks: ranks, cores: cores)
          #expect(each.reduce(0, +) == min(threads * ranks, cores))
          #expect(each.allSatisfy { $0 <= threads }, "\(threads) \(ranks) \(cores)")
        }
      }
    }
  }
}
