import MPI
import TestSupport
import Testing

extension RankTests {
  @Suite @MPIThread struct AllGatherPlanTests {
    struct Triple: Equatable, BitwiseCopyable {
      var x: Float
      var y: Float
      var z: Float
    }

    /// How many elements each rank has: some ranks none.
    nonisolated static let shares: [@Sendable (_ rank: Int) -> Int] = [
      { _ in 0 }, { _ in 1 }, { $0 % 3 }, { ($0 + 1) % 2 * 501 }, { 40_000 + 7 * $0 },
    ]

    @Test(arguments: shares.indices)
    func everyRankGetsEveryShare(share: Int) throws {
      let counts = (0..<world.size).map(Self.shares[share])
      try sweep(counts) { UInt8(truncatingIfNeeded: $0 * 5 + $1) }
      try sweep(counts) { Float($0) + Float($1) / 65_536 }
      try sweep(counts) { Triple(x: Float($0), y: Float($1), z: -1) }
    }

    /// All layouts, from a share of its own and in place, several times with one plan.
    private func sweep<Element: BitwiseCopyable & Equatable>(
      _ counts: [Int], _ element: (_ rank: Int, _ index: Int) -> Element
    ) throws {
      let unused = element(200, 1)
      let layouts = [nil, withGaps(counts), backwards(counts)]
      for (layout, displacements) in layouts.enumerated() {
        let plan = try AllGatherPlan<Element>(counts: counts, displacements: displacements)
        let starts = displacements ?? counts.indices.map { counts[..<$0].reduce(0, +) }
        #expect(plan.elementCount == zip(starts, counts).map { $0 + $1 }.max())

        let all = UnsafeMutableBufferPointer<Element>.allocate(capacity: plan.elementCount + 1)
        defer { all.deallocate() }
        for round in 0..<3 {
          var expected = [Element](repeating: unused, count: all.count)
          for (rank, count) in counts.enumerated() {
            for index in 0..<count { expected[starts[rank] + index] = element(rank, index + round) }
          }
          let mine = Array(expected[starts[world.rank]...].prefix(counts[world.rank]))

          all.update(repeating: unused)
          try mine.withUnsafeBufferPointer { try world.allGather(share: $0, into: all, plan: plan) }
          #expect(Array(all) == expected, "layout \(layout), round \(round)")

          all.update(repeating: unused)
          for (index, value) in mine.enumerated() { all[starts[world.rank] + index] = value }
          try world.allGatherInPlace(all, plan: plan)
          #expect(Array(all) == expected, "layout \(layout), round \(round), in place")
        }
      }
    }

    private func withGaps(_ counts: [Int]) -> [Int] {
      counts.indices.map { counts[..<$0].reduce(0, +) + 2 * $0 + 1 }
    }

    private func backwards(_ counts: [Int]) -> [Int] {
      counts.indices.map { counts[($0 + 1)...].reduce(0, +) }
    }
  }
}
