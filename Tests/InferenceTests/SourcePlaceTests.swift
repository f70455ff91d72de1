import Inference
import RingAttention
import Testing

struct SourcePlaceTests {
  /// A tally over 1,000 tokens: passage number p of those that are no first tokens has its tokens from
  /// 16 · p on.
  private func places(_ scores: [Int: Float], count: Int = 5) -> [SourcePlace] {
    let passages = ContextPassages(contextTokens: 1_000)
    var token = [PassageScore](repeating: PassageScore(), count: passages.count)
    for (passage, score) in scores {
      token[passage] = PassageScore(score: score, layer: Int32(passage % 7))
    }
    var tally = PassageTally(passages)
    tally.add(token)
    return tally.places(count)
  }

  @Test func theHighestComesFirst() {
    let places = places([10: 1, 20: 4, 30: 3])
    #expect(places.map(\.tokens) == [320..<336, 480..<496, 160..<176])
    #expect(places.map(\.share) == [0.5, 0.375, 0.125])
    #expect(places.map(\.layers) == [[6], [2], [3]])
    #expect(self.places([10: 1, 20: 4, 30: 3], count: 1).map(\.tokens) == [320..<336])
    #expect(self.places([:]).isEmpty)
  }

  /// Equal scores: the earlier place is first.
  @Test func ties() {
    #expect(places([30: 2, 10: 2, 20: 2], count: 2).map(\.tokens) == [160..<176, 320..<336])
  }

  /// A place has its warm neighbours, two on each side at most; cold ones beside it are no place of their
  /// own.
  @Test func neighboursBelongToAPlace() {
    let place = places([19: 1, 20: 4, 21: 2, 22: 2, 23: 2, 18: 0.01])
    #expect(place.map(\.tokens) == [304..<368])
    #expect(place[0].layers == [6, 0, 1, 5])
    #expect(abs(place[0].share - 9 / 11.01) < 1e-6)
    // Across the border of two blocks.
    #expect(places([15: 4, 16: 4]).map(\.tokens) == [240..<272])
  }

  /// The second passage has what is left of the first 32 tokens; the context's last ends with it.
  @Test func theContextsEnds() {
    #expect(places([1: 1]).map(\.tokens) == [4..<32])
    // 1,000 tokens end in the last block's passage number 14, before a run of what is appended.
    #expect(places([62: 1]).map(\.tokens) == [992..<1_000])
  }

  /// Tokens add up, and a passage's layer is that of the token that gave most.
  @Test func tokensAddUp() {
    let passages = ContextPassages(contextTokens: 600)
    var tally = PassageTally(passages)
    for (score, layer) in [(1, 3), (2, 5), (1.5, 4)] as [(Float, Int32)] {
      var token = [PassageScore](repeating: PassageScore(), count: passages.count)
      token[8] = PassageScore(score: score, layer: layer)
      tally.add(token)
    }
    #expect(tally.scores[8] == 4.5)
    #expect(tally.places(3) == tally.places(1))
    #expect(tally.places(1)[0].layers == [5])
  }
}
