import Kernels
import TestSupport
import Testing

/// Attention on KV blocks against its definition in Float64.
struct AttentionAccuracyTests {
  /// Compares some tokens: the first and last ones, and those beside the edges of panels, blocks
  /// and the window.
  ///
  /// The error may be 1.5 times that of a naive computation in the same precision on the same
  /// operands.
  private func check(_ problem: AttentionProblem, _ configuration: Configuration, _ name: String) {
    let shape = problem.shape
    let d = shape.headDimension
    let row = shape.queryHeads * d
    let output = problem.output(0..<problem.tokens)
    let twin = ReferenceAttention(shape, problem.pattern, sinks: problem.sinks)
    let window = problem.pattern.slidingWindow ?? 3
    let tokens = Set([0, 1, 4, 63, 64, 254, 255, 256, 511, 512, window - 1, window, window + 1])
      .union([problem.tokens - 1]).filter { $0 < problem.tokens }.sorted()
    var computed: [Float] = []
    var naive: [Float] = []
    var exact: [Double] = []
    for token in tokens {
      let query = Array(problem.queries[token * row..<(token + 1) * row])
      computed += output[token * row..<(token + 1) * row]
      func reference(rounding: (Double) -> Double) -> [Double] {
        twin.attend(
          queries: query, keys: problem.keys, values: problem.values, firstPosition: token,
          rounding: rounding)
      }
      exact += reference { $0 }
      if configuration.precision == .bf16 {
        naive += reference { Double(BFloat16(Float($0)).float) }
          .map { BFloat16(Float($0)).float }
      } else {
        naive += twin.attendInFloat32(
          query: query, keys: problem.keys, values: problem.values, position: token)
      }
    }
    let error = relativeError(computed, exact)
    let bound = 1.5 * relativeError(naive, exact) + 2 * float32Floor
    #expect(error <= bound, "\(name): error \(error), bound \(bound)")
    #expect(output.allSatisfy { $0.isFinite }, "\(name)")
  }

  @Test(arguments: Configuration.all)
  func headDimensionsAndGroups(_ configuration: Configuration) {
    for dimension in [16, 20, 32, 64, 80, 96, 100, 128, 256, 512] {
      for group in [1, 3, 4, 8] {
        let shape = AttentionShape(
          queryHeads: group, keyValueHeads: 1, headDimension: dimension)
        for (tokens, window) in [(257, nil), (300, 100)] as [(Int, Int?)] {
          let problem = AttentionProblem(
            configuration, shape: shape, tokens: tokens, window: window)
          check(
            problem, configuration,
            "dimension \(dimension), group \(group), tokens \(tokens), window \(window ?? 0)")
        }
      }
    }
  }

  @Test(arguments: Configuration.all)
  func tokensAndWindows(_ configuration: Configuration) {
    for tokens in [1, 5, 255, 256, 257, 600] {
      for window in [nil, 1, 7, 64, 100, 256, 1000] as [Int?] {
        for (heads, keyValueHeads, dimension) in [(2, 2, 16), (3, 1, 80)] {
          let shape = AttentionShape(
            queryHeads: heads, keyValueHeads: keyValueHeads, headDimension: dimension)
          let problem = AttentionProblem(
            configuration, shape: shape, tokens: tokens, window: window)
          check(
            problem, configuration,
            "tokens \(tokens), window \(window ?? 0), dimension \(dimension)")
        }
      }
    }
  }

  /// Scores that are scaled otherwise than by 1/√d, and scores bent by a soft cap, as Gemma's are.
  @Test(arguments: Configuration.all, [0.5, 3, 50] as [Double])
  func scalesAndSoftCaps(_ configuration: Configuration, cap: Double) {
    for (dimension, scale) in [(32, nil), (64, 0.3), (100, 0.01)] as [(Int, Double?)] {
      for softCap in [nil, cap] {
        let shape = AttentionShape(
          queryHeads: 4, keyValueHeads: 2, headDimension: dimension, scale: scale,
          softCap: softCap)
        let problem = AttentionProblem(
          configuration, shape: shape, tokens: 400, window: cap == 3 ? 90 : nil, queryScale: 20)
        check(
          problem, configuration,
          "dimension \(dimension), scale \(scale ?? 0), cap \(softCap ?? 0)")
      }
    }
  }

  /// Sinks among the scores, far below and far above them; tokens that see few keys.
  @Test(arguments: Configuration.all, [0, 4, -60, 60, -3000] as [Float])
  func sinks(_ configuration: Configuration, sink: Float) {
    for (dimension, window) in [(16, 1), (64, 100), (80, nil)] as [(Int, Int?)] {
      let shape = AttentionShape(queryHeads: 6, keyValueHeads: 2, headDimension: dimension)
      let problem = AttentionProblem(
        configuration, shape: shape, tokens: 400, window: window, queryScale: 3)
      problem.sinks = (0..<6).map { sink + Float($0) - 2.5 }
      check(problem, configuration, "dimension \(dimension), window \(window ?? 0), sink \(sink)")
    }
  }

  /// Far above what scores reach, nothing is left of the values; one that is no number is seen.
  @Test(arguments: Configuration.all)
  func extremeSinks(_ configuration: Configuration) {
    let shape = AttentionShape(queryHeads: 5, keyValueHeads: 1, headDimension: 16)
    let problem = AttentionProblem(configuration, shape: shape, tokens: 300)
    let without = problem.output(0..<300)
    problem.sinks = [2000, 3e38, -.infinity, -3e38, .nan]
    let output = problem.output(0..<300)
    for index in output.indices {
      switch index / 16 % 5 {
      case 0, 1: #expect(output[index] == 0)
      case 2, 3: #expect(output[index].bitPattern == without[index].bitPattern)
      default: #expect(output[index].isNaN)
      }
    }
  }

  /// Scores of thousands, as the built-in model has, and of tens of thousands.
  @Test(arguments: Configuration.all, [30, 1000, 20_000] as [Float])
  func largeScores(_ configuration: Configuration, queryScale: Float) {
    for (dimension, window) in [(16, nil), (64, 100), (128, nil)] as [(Int, Int?)] {
      let shape = AttentionShape(queryHeads: 2, keyValueHeads: 1, headDimension: dimension)
      let problem = AttentionProblem(
        configuration, shape: shape, tokens: 600, window: window, queryScale: queryScale)
      check(problem, configuration, "dimension \(dimension), window \(window ?? 0)")
    }
  }

  /// All scores of a row are the same, high or low: the output is the mean of the values.
  @Test(arguments: Configuration.all, [-30_000, -3700, -200, 0, 200, 3700, 30_000] as [Float])
  func equalScores(_ configuration: Configuration, score: Float) {
    let shape = AttentionShape(queryHeads: 1, keyValueHeads: 1, headDimension: 64)
    let problem = AttentionProblem(
      configuration, shape: shape, tokens: 600,
      queryRows: { _ in [score] + [Float](repeating: 0, count: 63) },
      keyRows: { _ in [8] + [Float](repeating: 0, count: 63) })
    check(problem, configuration, "score \(score)")
  }

  /// A hidden key's score is far above all visible ones; it must neither raise their maximum nor be
  /// seen.
  @Test(arguments: Configuration.all)
  func hiddenKeysAreNotSeen(_ configuration: Configuration) {
    let shape = AttentionShape(queryHeads: 1, keyValueHeads: 1, headDimension: 64)
    for window in [nil, 70] as [Int?] {
      let problem = AttentionProblem(
        configuration, shape: shape, tokens: 400, window: window,
        queryRows: { _ in [1000] + [Float](repeating: 0, count: 63) },
        keyRows: { token in [Float(token % 97 == 96 ? 1 : -2)] + [Float](repeating: 0, count: 63) })
      check(problem, configuration, "window \(window ?? 0)")
    }
  }
}
