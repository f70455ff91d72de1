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
      try HostExchange(world, bytes: bytes, host: world.emulatedHost(of: hosts))
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
        // Each host wants some, which may be others', or all.
        let all = exchange.hostCount
        for wanted in [
          (0..<all).map { _ in 0..<rows },
          (0..<all).map { rows * $0 / all..<min(rows, rows * ($0 + 1) / all + 1) },
          (0..<all).map { $0 == 0 ? 0..<rows : 0..<0 },
        ] {
          let reduction = try exchange.reductionPlan(
            rows: rows, rowBytes: 8 * width, wanted: wanted)
          let own = wanted[exchange.host]
          for round in 0..<20 {
            let part = exchange.part.assumingMemoryBound(to: Int.self)
            for index in 0..<rows * width { part[index] = (index + round) * (world.rank + 1) }
            try result.withUnsafeMutableBytes { result in
              try exchange.reduce(reduction, with: sum, into: result.baseAddress!) {
                add($0, $1, elements: width)
              }
            }
            let factor = world.size * (world.size + 1) / 2
            let elements = own.lowerBound * width..<own.upperBound * width
            #expect(
              result[elements].elementsEqual(elements.lazy.map { ($0 + round) * factor }),
              "\(rows) rows, \(wanted), \(round)")
            exchange.part.storeBytes(of: world.rank * 1000 + round, as: Int.self)
            try exchange.gather(plan) { rank, part in
              #expect(part.load(as: Int.self) == rank * 1000 + round)
            }
          }
        }
      }
    }

    /// Numbers whose sum shows whether it is rounded once, and whether rests count: of few elements,
    /// which every host sums, and of many, of which each sums some.
    @Test(arguments: hosts, [false, true]) func partsOfAllHostsAreSummed(
      hosts: Int, keepsRests: Bool
    ) throws {
      let most = 200_001
      let width = keepsRests ? 2 : 1
      let exchange = try exchange(hosts: hosts, bytes: 8 * width * most)
      guard exchange.hostCount > 1 else { return }
      let ranks = exchange.ranksOfHost
      func part(_ rank: Int, _ count: Int) -> Range<Int> {
        let number = ranks.firstIndex(of: rank)!
        return count * number / ranks.count..<count * (number + 1) / ranks.count
      }
      func value(_ index: Int, host: Int) -> Double { Double((index + 1) * (host + 1)) * 0x1p-20 }
      for count in [1, 5, 576, most] {
        let plan = try exchange.sumPlan(elements: count, keepsRests: keepsRests)
        for round in 0..<3 {
          let own = part(world.rank, count)
          let values = exchange.part.assumingMemoryBound(to: Double.self)
          for (place, index) in own.enumerated() {
            values[place * width] = value(index + round, host: exchange.host)
            if keepsRests { values[place * width + 1] = 1 }
          }
          var isRight = true
          try exchange.sum(plan) { rank, given, elements in
            let range = part(rank, count)
            (elements + range.lowerBound * width).update(
              from: given.assumingMemoryBound(to: Double.self), count: range.count * width)
          } read: { sums in
            for index in 0..<count {
              let expected = (0..<exchange.hostCount).reduce(
                keepsRests ? Double(exchange.hostCount) : 0
              ) {
                $0 + value(index + round, host: $1)
              }
              isRight = isRight && sums[index] == Float(expected)
            }
          }
          #expect(isRight, "\(count) elements, round \(round)")
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
