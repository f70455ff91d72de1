import MPI
import TestSupport
import Testing

extension RankTests {
  @Suite @MPIThread struct ReductionTests {
    @Test(arguments: NumberReduction.allCases)
    func reduceSingleNumbers(reduction: NumberReduction) throws {
      let ints = (0..<world.size).map { ($0 + 1) % world.size * 1_000_000_007 - 5 }
      let doubles = ints.map { Double($0) / 8 }
      #expect(
        try world.allReduce(value: ints[world.rank], reduction) == reduce(ints, reduction))
      #expect(
        try world.allReduce(value: doubles[world.rank], reduction) == reduce(doubles, reduction))
    }

    @Test(arguments: NumberReduction.allCases, [0, 1, 3, 1_000, 100_000])
    func reduceManyNumbers(reduction: NumberReduction, count: Int) throws {
      // Whole numbers, so that sums are exact in any order.
      func number(_ rank: Int, _ index: Int) -> Int { (index * 7 + rank * 13) % 101 - 50 }
      let expected = (0..<count).map { index in
        reduce((0..<world.size).map { number($0, index) }, reduction)
      }
      var ints = (0..<count).map { number(world.rank, $0) }
      var doubles = ints.map(Double.init)
      try ints.withUnsafeMutableBufferPointer { try world.allReduce(values: $0, reduction) }
      try doubles.withUnsafeMutableBufferPointer { try world.allReduce(values: $0, reduction) }
      #expect(ints == expected)
      #expect(doubles == expected.map(Double.init))
    }

    nonisolated private func reduce<Number: Comparable & Numeric>(
      _ numbers: [Number], _ reduction: NumberReduction
    ) -> Number {
      switch reduction {
      case .sum: numbers.reduce(0, +)
      case .minimum: numbers.min()!
      case .maximum: numbers.max()!
      }
    }

    /// An element is a row of doubles. The first decides: the row in which it is greater replaces
    /// the other whole; of equals, all but the first are added. So a row that MPI split would come
    /// out wrong.
    @Test(arguments: [3, 130], [0, 1, 2, 7, 100, 3_000])
    func aUserDefinedOperationSeesWholeElements(doubles: Int, rows: Int) throws {
      let operation = try ReductionOperation(elementBytes: doubles * 8) {
        incoming, accumulated, count, datatype in
        precondition(Int(bitPattern: incoming) % 8 == 0 && Int(bitPattern: accumulated) % 8 == 0)
        let width = ReductionOperation.elementBytes(datatype) / 8
        let from = incoming!.assumingMemoryBound(to: Double.self)
        let into = accumulated!.assumingMemoryBound(to: Double.self)
        for row in 0..<Int(count!.pointee) {
          let start = row * width
          if from[start] > into[start] {
            for column in 0..<width { into[start + column] = from[start + column] }
          } else if from[start] == into[start] {
            for column in 1..<width { into[start + column] += from[start + column] }
          }
        }
      }
      func value(_ rank: Int, _ row: Int, _ column: Int) -> Double {
        column == 0 ? Double((row + rank) % 3) : Double(rank * 100 + row + column)
      }
      var expected: [Double] = []
      for row in 0..<rows {
        let greatest = (0..<world.size).map { value($0, row, 0) }.max()!
        let winners = (0..<world.size).filter { value($0, row, 0) == greatest }
        expected.append(greatest)
        for column in 1..<doubles {
          expected.append(winners.map { value($0, row, column) }.reduce(0, +))
        }
      }
      for round in 0..<2 {
        var mine = (0..<rows).flatMap { row in
          (0..<doubles).map { value(world.rank, row, $0) }
        }
        try mine.withUnsafeMutableBytes { try world.allReduce(elements: $0, with: operation) }
        #expect(mine == expected, "round \(round)")
      }
    }

    /// The composition of the maps x → a·x + b, which depends on their order.
    @Test func aNonCommutativeOperationKeepsTheOrderOfRanks() throws {
      let compose = try ReductionOperation(elementBytes: 16, isCommutative: false) {
        incoming, accumulated, count, datatype in
        precondition(ReductionOperation.elementBytes(datatype) == 16)
        let first = incoming!.assumingMemoryBound(to: Double.self)
        let second = accumulated!.assumingMemoryBound(to: Double.self)
        for index in 0..<Int(count!.pointee) {
          second[2 * index + 1] += second[2 * index] * first[2 * index + 1]
          second[2 * index] *= first[2 * index]
        }
      }
      var map = [2.0, Double(world.rank)]
      try map.withUnsafeMutableBytes { try world.allReduce(elements: $0, with: compose) }
      var expected = (a: 1.0, b: 0.0)
      for rank in 0..<world.size { expected = (2 * expected.a, 2 * expected.b + Double(rank)) }
      #expect(map == [expected.a, expected.b])
    }

    @Test func anElementMayHaveAnyNumberOfBytes() throws {
      let or = try ReductionOperation(elementBytes: 5) { incoming, accumulated, count, datatype in
        let bytes = Int(count!.pointee) * ReductionOperation.elementBytes(datatype)
        let from = incoming!.assumingMemoryBound(to: UInt8.self)
        let into = accumulated!.assumingMemoryBound(to: UInt8.self)
        for index in 0..<bytes { into[index] |= from[index] }
      }
      var bytes = [UInt8](repeating: UInt8(1 << (world.rank % 8)), count: 5 * 33)
      try bytes.withUnsafeMutableBytes { try world.allReduce(elements: $0, with: or) }
      let expected = (0..<world.size).reduce(UInt8(0)) { $0 | UInt8(1 << ($1 % 8)) }
      #expect(bytes == [UInt8](repeating: expected, count: 5 * 33))
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
