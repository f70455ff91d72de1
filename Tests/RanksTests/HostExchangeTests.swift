import MPI
import Ranks
import TestSupport
import Testing

extension RankTests {
  @Suite @MPIThread struct HostExchangeTests {
    /// Into how many hosts the ranks are taken to be spread.
    nonisolated static let hosts = [1, 2, 3]

    /// As if ranks were on so many hosts, by turns.
    private func exchange(hosts: Int, bytes: Int) throws -> HostExchange {
      var own: Communicator?
      for host in 0..<hosts {
        if let group = try world.group(ofThis: world.rank % hosts == host) { own = group }
      }
      return try HostExchange(world, bytes: bytes, host: own)
    }

    /// Rank r's part of a round: so many numbers that nobody else gives.
    private func numbers(of rank: Int, round: Int, count: Int) -> [UInt32] {
      (0..<count).map { UInt32(truncatingIfNeeded: ($0 + 1) * 7919 + rank * 31 + round * 104_729) }
    }

    /// Parts of any sizes, none among them, one exchange right behind the other.
    @Test(arguments: hosts) func everyRankReadsEveryPart(hosts: Int) throws {
      let most = 3000
      let exchange = try exchange(hosts: hosts, bytes: 4 * most)
      for sizes in [[1, 0, 5], [0, 0, 0], [most, 1, most], [17, 16, most - 1]] {
        let counts = (0..<world.size).map { sizes[$0 % 3] }
        let plan = try exchange.gatherPlan(bytes: counts.map { 4 * $0 })
        for round in 0..<50 {
          exchange.part.assumingMemoryBound(to: UInt32.self).update(
            from: numbers(of: world.rank, round: round, count: counts[world.rank]),
            count: counts[world.rank])
          var read: [Int] = []
          var isRight = true
          try exchange.gather(plan) { rank, part in
            read.append(rank)
            let part = UnsafeBufferPointer(
              start: part.assumingMemoryBound(to: UInt32.self), count: counts[rank])
            isRight =
              isRight && part.elementsEqual(numbers(of: rank, round: round, count: counts[rank]))
          }
          #expect(isRight && read == Array(0..<world.size), "\(sizes), round \(round)")
        }
      }
    }

    /// Few rows, which every rank combines, and many, which they share out; gathers between them.
    @Test(arguments: hosts) func rowsOfAllRanksAreCombined(hosts: Int) throws {
      let width = 3
      let most = 1000
      let exchange = try exchange(hosts: hosts, bytes: 8 * width * most)
      let sum = try ReductionOperation(elementBytes: 8 * width) { incoming, accumulated, count, _ in
        add(incoming!, accumulated!, elements: 3 * Int(count!.pointee))
      }
      let plan = try exchange.gatherPlan(bytes: (0..<world.size).map { _ in 8 })
      var result = [Int](repeating: 0, count: width * most)
      for rows in [1, 2, 31, 256, most] {
        for round in 0..<20 {
          let part = exchange.part.assumingMemoryBound(to: Int.self)
          for index in 0..<rows * width { part[index] = (index + round) * (world.rank + 1) }
          try result.withUnsafeMutableBytes { result in
            try exchange.reduce(rows: rows, with: sum, into: result.baseAddress!) {
              add($0, $1, elements: width)
            }
          }
          let factor = world.size * (world.size + 1) / 2
          #expect(
            result[..<(rows * width)].elementsEqual(
              (0..<rows * width).lazy.map { ($0 + round) * factor }), "\(rows) rows, \(round)")
          exchange.part.storeBytes(of: world.rank * 1000 + round, as: Int.self)
          try exchange.gather(plan) { rank, part in
            #expect(part.load(as: Int.self) == rank * 1000 + round)
          }
        }
      }
    }
  }
}

private func add(
  _ incoming: UnsafeRawPointer, _ accumulated: UnsafeMutableRawPointer, elements: Int
) {
  let source = incoming.assumingMemoryBound(to: Int.self)
  let sums = accumulated.assumingMemoryBound(to: Int.self)
  for index in 0..<elements { sums[index] += source[index] }
}
