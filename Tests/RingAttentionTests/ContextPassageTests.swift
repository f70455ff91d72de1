import Kernels
import RingAttention
import Testing

struct ContextPassageTests {
  /// Around the first tokens, passages and blocks.
  static let lengths =
    [1, 3, 4, 5, 16, 17, 31, 32, 33, 240, 241, 255, 256, 257, 271, 500, 511, 512]
    + [513, 4095, 4096, 4097]

  /// Every token but the first four is in one passage, and passages come in the order of the text.
  @Test(arguments: lengths)
  func passagesMakeUpTheContext(contextTokens: Int) {
    let passages = ContextPassages(contextTokens: contextTokens)
    var next = ContextPassages.firstTokens
    for passage in 0..<passages.count {
      let tokens = passages.tokens(of: passage)
      guard !tokens.isEmpty else { continue }
      #expect(tokens.lowerBound == next)
      #expect(tokens.count <= 2 * ContextPassages.tokensPerPassage)
      next = tokens.upperBound
    }
    #expect(next == max(contextTokens, ContextPassages.firstTokens))
  }

  /// What is behind the context is in no passage's run, and all passages of a block are runs of it.
  @Test(arguments: lengths)
  func runsOfABlockAreItsPassages(contextTokens: Int) {
    let passages = ContextPassages(contextTokens: contextTokens)
    for block in 0..<passages.blocks + 2 {
      let runs = passages.runs(ofBlock: block)
      for run in 0..<runs.count where block < passages.blocks {
        let tokens = passages.tokens(of: block * KeyRuns.most + run)
        let start = block * tokensPerBlock
        #expect(
          tokens.isEmpty
            || tokens == start + runs[run].lowerBound..<start + runs[run].upperBound)
      }
      if block >= passages.blocks { #expect(runs.bounds == [0, tokensPerBlock]) }
    }
  }

  @Test func someBlocks() {
    let passages = ContextPassages(contextTokens: 256 + 250)
    #expect(passages.runs(ofBlock: 0).bounds == [0, 4] + Array(stride(from: 32, to: 257, by: 16)))
    #expect(
      passages.runs(ofBlock: 1).bounds == Array(stride(from: 0, to: 225, by: 16)) + [250, 256])
    #expect(ContextPassages(contextTokens: 40).runs(ofBlock: 0).bounds == [0, 4, 32, 40, 256])
  }
}

struct PassageScoreTests {
  private func score(shares: [Double], keys: [Double], evenShare: Double) -> [Double] {
    func vector(_ numbers: [Double]) -> SIMD16<Double> {
      SIMD16(numbers + [Double](repeating: 0, count: 16 - numbers.count))
    }
    let score = PassageScore.cubedExcess(
      shares: vector(shares), keys: vector(keys), evenShare: evenShare)
    return shares.indices.map { score[$0] }
  }

  /// An even spread gives nothing, wherever else a head leaves the rest; what is beyond it counts, and
  /// what is below counts for nothing.
  @Test func whatIsBeyondHabitCounts() {
    #expect(score(shares: [0.016, 0.028], keys: [16, 28], evenShare: 0.001) == [0, 0])
    #expect(score(shares: [0, 0.001], keys: [16, 16], evenShare: 0.001) == [0, 0])
    #expect(score(shares: [0.04], keys: [16], evenShare: 0.001) == [0])
    let one = score(shares: [0.516], keys: [16], evenShare: 0.001)[0]
    #expect(abs(one - 0.125) < 1e-12)
    // A hundred heads of a habit are less than one that looks for something.
    #expect(100 * score(shares: [0.116], keys: [16], evenShare: 0.001)[0] < one)
  }

  @Test func layersThatSeeTheWholeContextAreCounted() {
    let window = AttentionPattern.slidingWindow(tokens: 64)
    #expect(PassageScore.countedLayers([window, .causal, window, .causal]) == [1, 3])
    #expect(PassageScore.countedLayers([window, window]) == [0, 1])
    #expect(PassageScore.countedLayers([.causal]) == [0])
  }
}
