import Foundation
import Kernels
import Testing

/// What attention tells of the keys that its rows take.
struct NumeratorSumTests {
  static let shape = AttentionShape(queryHeads: 6, keyValueHeads: 2, headDimension: 80)
  static let tokens = 700
  static let rows = 690..<700
  static let runs = [
    KeyRuns.even, KeyRuns(bounds: [0, 256]), KeyRuns(bounds: [0, 4, 32, 48, 187, 188, 256]),
    KeyRuns(bounds: [0, 1, 16, 17, 33, 255, 256]),
  ]

  /// The shares of runs, made of each block's sums and M, are those of the definition in Float64; and
  /// telling them changes no bit of the states.
  @Test(arguments: Configuration.all, runs)
  func sharesAreThoseOfTheDefinition(_ configuration: Configuration, runs: KeyRuns) {
    for (window, tokensPerCall) in [(nil, 1), (nil, 10), (200, 10), (300, 3)] as [(Int?, Int)] {
      let problem = AttentionProblem(
        configuration, shape: Self.shape, tokens: Self.tokens, window: window, queryScale: 2)
      let blocks = Array(0..<problem.blockCount)
      var (plain, told) = (problem.emptyStates(Self.rows), problem.emptyStates(Self.rows))
      problem.attend(Self.rows, to: blocks, tokensPerCall: tokensPerCall, states: &plain)
      let heads = Self.shape.queryHeads
      let record = Record(rows: Self.rows.count - 1, blocks: blocks.count, heads: heads, runs: runs)
      // All but the first token are recorded, backwards.
      problem.attend(
        Self.rows, to: blocks, tokensPerCall: tokensPerCall, states: &told
      ) { head, token, block in
        record.sums(token: token, block: block, queryHead: head * Self.shape.groupSize)
      }
      #expect(plain.map(\.bitPattern) == told.map(\.bitPattern), "window \(window ?? 0)")

      for token in 1..<Self.rows.count {
        for head in 0..<heads {
          let exact = problem.shares(token: Self.rows.lowerBound + token, head: head)
          let found = record.shares(row: Self.rows.count - 1 - token, head: head)
          for (block, shares) in found.enumerated() {
            for run in 0..<runs.count {
              let keys = runs[run].map { block * tokensPerBlock + $0 }.filter { $0 < exact.count }
              let expected = keys.reduce(0) { $0 + exact[$1] }
              #expect(
                abs(shares[run] - expected) < 0.01,
                "token \(token), head \(head), block \(block), run \(run), window \(window ?? 0)")
            }
            #expect((runs.count..<KeyRuns.most).allSatisfy { shares[$0] == 0 })
          }
        }
      }
    }
  }

  /// Runs are left out only of blocks whose share is below the least one.
  @Test(arguments: Configuration.all)
  func smallBlocksLeaveTheirTotals(_ configuration: Configuration) {
    let problem = AttentionProblem(
      configuration, shape: Self.shape, tokens: Self.tokens, queryScale: 8)
    let heads = Self.shape.queryHeads
    let least = 0.05
    let record = Record(rows: 9, blocks: 3, heads: heads, runs: .even, leastShare: least)
    var states = problem.emptyStates(Self.rows)
    problem.attend(Self.rows, to: [2, 0, 1], states: &states) { head, token, block in
      record.sums(token: token, block: block, queryHead: head * Self.shape.groupSize)
    }
    var leftOut = 0
    for token in 1..<Self.rows.count {
      for head in 0..<heads {
        let exact = problem.shares(token: Self.rows.lowerBound + token, head: head)
        for block in 0..<3 {
          let share = exact.enumerated().reduce(0) {
            $1.offset / tokensPerBlock == block ? $0 + $1.element : $0
          }
          let isThere =
            record.runs[((Self.rows.count - 1 - token) * 3 + block) * heads + head] != .zero
          leftOut += isThere ? 0 : 1
          #expect(isThere || share < least * 1.02, "token \(token), head \(head), block \(block)")
        }
      }
    }
    #expect(leftOut > 0)
  }

  /// Sums of one run of all keys, and the sums of many runs, are each the block's.
  @Test(arguments: Configuration.all)
  func totalsAreTheSumsOfTheRuns(_ configuration: Configuration) {
    let problem = AttentionProblem(configuration, shape: Self.shape, tokens: Self.tokens)
    for runs in Self.runs {
      let record = Record(rows: 9, blocks: 3, heads: 6, runs: runs)
      var states = problem.emptyStates(Self.rows)
      problem.attend(Self.rows, to: [0, 1, 2], states: &states) { head, token, block in
        record.sums(token: token, block: block, queryHead: head * Self.shape.groupSize)
      }
      for index in record.totals.indices {
        let sum = (0..<runs.count).reduce(0.0) { $0 + Double(record.runs[index][$1]) }
        #expect(abs(Double(record.totals[index].sum) / sum - 1) < 1e-5)
        #expect(record.totals[index].maximum == record.totals[index].maximum.rounded())
      }
    }
  }
}

/// Memory for sums of all tokens but the first, whose rows stand in the opposite order.
private final class Record {
  let blocks: Int
  let heads: Int
  let totals: UnsafeMutableBufferPointer<BlockTotal>
  let runs: UnsafeMutableBufferPointer<SIMD16<Float>>
  private let bounds: UnsafeMutableBufferPointer<Int>
  private let isEven: Bool
  private let leastShare: Double
  private let rowOfToken: UnsafeMutableBufferPointer<Int32>

  init(rows: Int, blocks: Int, heads: Int, runs: KeyRuns, leastShare: Double = 0) {
    self.leastShare = leastShare
    self.blocks = blocks
    self.heads = heads
    totals = .allocate(capacity: rows * blocks * heads)
    self.runs = .allocate(capacity: rows * blocks * heads)
    // Of blocks that a row does not see, nothing is told.
    UnsafeMutableRawBufferPointer(totals).withMemoryRebound(to: Float.self) {
      for index in $0.indices { $0[index] = index % 2 == 0 ? 0 : -.infinity }
    }
    self.runs.initialize(repeating: .zero)
    bounds = .allocate(capacity: runs.bounds.count)
    _ = bounds.initialize(from: runs.bounds)
    isEven = runs == .even
    rowOfToken = .allocate(capacity: rows + 1)
    _ = rowOfToken.initialize(from: [-1] + (0..<rows).reversed().map(Int32.init))
  }

  deinit {
    totals.deallocate()
    runs.deallocate()
    bounds.deallocate()
    rowOfToken.deallocate()
  }

  func sums(token: Int, block: Int, queryHead: Int) -> NumeratorSums {
    let place = block * heads + queryHead
    return NumeratorSums(
      bounds: isEven ? nil : UnsafeBufferPointer(bounds), totals: totals.baseAddress! + place,
      runs: runs.baseAddress! + place, rowOfToken: rowOfToken.baseAddress! + token,
      rowStride: blocks * heads, leastShare: leastShare)
  }

  /// `[blocks][runs]`, of what the row's blocks have together.
  func shares(row: Int, head: Int) -> [[Double]] {
    let places = (0..<blocks).map { (row * blocks + $0) * heads + head }
    let maximum = places.map { totals[$0].maximum }.max()!
    func scaled(_ sum: Float, _ place: Int) -> Double {
      Double(sum) * exp2(Double(totals[place].maximum - maximum))
    }
    let l = places.reduce(0) { $0 + scaled(totals[$1].sum, $1) }
    return places.map { place in
      (0..<KeyRuns.most).map { scaled(runs[place][$0], place) / l }
    }
  }
}

extension AttentionProblem {
  /// The softmax of one head's row over all keys, in Float64.
  fileprivate func shares(token: Int, head: Int) -> [Double] {
    let d = shape.headDimension
    let query = queries[
      (token * shape.queryHeads + head) * d..<(token * shape.queryHeads + head + 1) * d]
    let numerators = (0..<tokens).map { key -> Double in
      guard
        pattern.visibleKeys(position: token, block: key / tokensPerBlock)
          .contains(key % tokensPerBlock)
      else { return 0 }
      let first = (key * shape.keyValueHeads + head / shape.groupSize) * d
      return exp(
        zip(query, keys[first..<first + d]).reduce(0) { $0 + Double($1.0) * Double($1.1) }
          * shape.scale)
    }
    let sum = numerators.reduce(0, +)
    return numerators.map { $0 / sum }
  }
}
