import Kernels
import Testing

/// The promise to the last bit: what comes out does not depend on the order of blocks or on the
/// company of a row.
struct AttentionOrderTests {
  static let tokens = 1500  // 5 whole blocks and one partly filled
  static let last = 1460..<1500
  static let scales: [Float] = [1, 30, 1000]
  static let shape = AttentionShape(queryHeads: 6, keyValueHeads: 2, headDimension: 80)

  private func problem(_ configuration: Configuration, window: Int? = nil, scale: Float = 1)
    -> AttentionProblem
  {
    AttentionProblem(
      configuration, shape: Self.shape, tokens: Self.tokens, window: window, queryScale: scale)
  }

  @Test(arguments: Configuration.all, scales)
  func blocksInAnyOrder(_ configuration: Configuration, scale: Float) {
    for window in [nil, 300] as [Int?] {
      let problem = problem(configuration, window: window, scale: scale)
      if window == nil { problem.sinks = [0, -3, 2.5, 70, -1000, scale] }
      var random = SplitMix64(seed: 5)
      let forward = bits(problem.output(Self.last))
      var order = Array((0..<problem.blockCount).reversed())
      for trial in 0..<6 {
        #expect(
          bits(problem.output(Self.last, order: order)) == forward,
          "order \(order), window \(window ?? 0), trial \(trial)")
        order.shuffle(using: &random)
      }
    }
  }

  /// Blocks are dealt to several states, as to ranks, which are merged in any order and grouping.
  @Test(arguments: Configuration.all, scales)
  func statesMergedInAnyOrder(_ configuration: Configuration, scale: Float) {
    let problem = problem(configuration, scale: scale)
    problem.sinks = [1, -3, 2.5, 70, -1000, scale]
    let forward = bits(problem.output(Self.last))
    var random = SplitMix64(seed: 6)
    for count in [2, 3, 6, 8] {
      for trial in 0..<3 {
        // With more states than blocks some stay empty.
        let dealt = Array(0..<problem.blockCount).shuffled(using: &random)
        var states = (0..<count).map { rank in
          var state = problem.emptyStates(Self.last)
          problem.attend(
            Self.last, to: stride(from: rank, to: dealt.count, by: count).map { dealt[$0] },
            states: &state)
          return state
        }
        while states.count > 1 {
          states.shuffle(using: &random)
          let newcomer = states.removeLast()
          problem.merge(newcomer, into: &states[0])
        }
        #expect(
          bits(problem.finish(Self.last, states: states[0])) == forward,
          "\(count) states, trial \(trial)")
      }
    }
  }

  /// Block maxima that lie far apart: the smaller side vanishes whichever comes first.
  @Test(arguments: Configuration.all)
  func maximaFarApart(_ configuration: Configuration) {
    let shape = AttentionShape(queryHeads: 1, keyValueHeads: 1, headDimension: 16)
    let zeros = [Float](repeating: 0, count: 15)
    for step in [0, 1, 20, 60, 1000, 4000] as [Float] {
      let problem = AttentionProblem(
        configuration, shape: shape, tokens: 1024, queryRows: { _ in [4] + zeros },
        keyRows: { token in [step * Float(token / tokensPerBlock * 7 % 4)] + zeros })
      let forward = bits(problem.output(1000..<1024))
      for order in [[3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
        #expect(
          bits(problem.output(1000..<1024, order: order)) == forward, "step \(step), \(order)")
      }
    }
  }

  @Test(arguments: Configuration.all)
  func theEmptyStateIsTheIdentity(_ configuration: Configuration) {
    let problem = problem(configuration)
    var states = problem.emptyStates(Self.last)
    problem.attend(Self.last, to: [0, 3, 5], states: &states)
    var merged = states
    problem.merge(problem.emptyStates(Self.last), into: &merged)
    #expect(bits(merged) == bits(states))
    merged = problem.emptyStates(Self.last)
    problem.merge(states, into: &merged)
    #expect(bits(merged) == bits(states))

    var empty = problem.emptyStates(Self.last)
    problem.merge(problem.emptyStates(Self.last), into: &empty)
    #expect(
      bits(empty) == bits(problem.emptyStates(Self.last)))
    #expect(problem.finish(Self.last, states: empty).allSatisfy { $0.bitPattern == 0 })
  }

  @Test(arguments: Configuration.all)
  func aHiddenBlockChangesNothing(_ configuration: Configuration) {
    let problem = problem(configuration, window: 100)
    // Block 2 begins at 512: its queries see keys of blocks 1 and 2 alone.
    let range = 512..<520
    var states = problem.emptyStates(range)
    for hidden in [0, 3, 5] {
      problem.attend(range, to: [hidden], states: &states)
      #expect(
        bits(states) == bits(problem.emptyStates(range)), "block \(hidden)")
    }
    problem.attend(range, to: [1, 2], states: &states)
    let seen = states
    problem.attend(range, to: [0, 3, 4, 5], states: &states)
    #expect(bits(states) == bits(seen))
  }

  /// A tile in which some rows see a block and others do not: those that do not stay as they were.
  @Test(arguments: Configuration.all)
  func rowsThatSeeNothingOfABlockStay(_ configuration: Configuration) {
    let problem = problem(configuration, window: 3)
    var states = problem.emptyStates(256..<266)
    problem.attend(256..<266, to: [0], states: &states)
    // Tokens 256 and 257 see keys 254 and 255; the others see none of block 0.
    let group = Self.shape.groupSize
    let empty = bits(Array(problem.emptyStates(0..<1)[..<problem.stateRow]))
    for head in 0..<Self.shape.keyValueHeads {
      for token in 0..<10 {
        for row in (head * 10 + token) * group..<(head * 10 + token + 1) * group {
          let state = Array(states[row * problem.stateRow..<(row + 1) * problem.stateRow])
          #expect((bits(state) == empty) == (token >= 2), "token \(256 + token)")
        }
      }
    }
  }

  /// With the own microkernels any number of tokens a call; OpenBLAS sums by the shape of the call.
  @Test(arguments: Configuration.all.filter { $0.arithmetic().multipliesPanels })
  func aRowDoesNotDependOnItsCompany(_ configuration: Configuration) {
    for window in [nil, 1, 90] as [Int?] {
      let problem = problem(configuration, window: window)
      for range in [0..<40, 240..<300, Self.last] {
        let alone = bits(problem.output(range, tokensPerCall: 1))
        for tokensPerCall in [2, 3, 7, 8, 9, 64] {
          #expect(
            bits(problem.output(range, tokensPerCall: tokensPerCall)) == alone,
            "window \(window ?? 0), tokens \(range), \(tokensPerCall) a call")
        }
      }
    }
  }

  /// One token a call, as appended tokens take it: alone or after others, on any thread, whatever
  /// its scratch holds.
  @Test(arguments: Configuration.all)
  func aTokenDoesNotDependOnWhatRanBefore(_ configuration: Configuration) {
    let problem = AttentionProblem(
      configuration, shape: Self.shape, tokens: 600, window: 90, threads: 3)
    let range = 250..<270
    let together = bits(problem.output(range, tokensPerCall: 1))
    let row = Self.shape.queryHeads * Self.shape.headDimension
    for token in range.reversed() {
      let alone = problem.output(token..<token + 1, tokensPerCall: 1, thread: token % 3)
      #expect(
        bits(alone) == Array(together[(token - 250) * row..<(token - 249) * row]), "token \(token)")
    }
  }

  /// Numbers that are none come out as such, do not stop the process, and stay with their row.
  @Test(arguments: Configuration.all, [Float.nan, .infinity, -.infinity])
  func whatIsNoNumberComesOut(_ configuration: Configuration, value: Float) {
    let shape = AttentionShape(queryHeads: 1, keyValueHeads: 1, headDimension: 16)
    let problem = AttentionProblem(
      configuration, shape: shape, tokens: 520,
      queryRows: { token in [Float](repeating: token == 515 ? value : 1, count: 16) },
      keyRows: { token in [Float](repeating: Float(token % 3) - 1, count: 16) })
    for order in [[0, 1, 2], [2, 1, 0]] {
      let output = problem.output(510..<520, order: order)
      for token in 510..<520 {
        let row = output[(token - 510) * 16..<(token - 509) * 16]
        if token == 515 {
          #expect(row.allSatisfy { $0.isNaN }, "order \(order)")
        } else {
          #expect(row.allSatisfy { $0.isFinite }, "token \(token), order \(order)")
        }
      }
    }
  }
}
