import Kernels
import Testing

@Suite struct AttentionPatternTests {
  static let windows: [Int?] = [nil, 1, 2, 7, 64, 255, 256, 257, 300, 512, 1000, 5000]

  @Test(arguments: windows)
  func visibleKeysAreThoseOfTheDefinition(window: Int?) {
    let pattern = AttentionPattern(slidingWindow: window)
    for position in [0, 1, 6, 7, 63, 64, 254, 255, 256, 257, 511, 512, 513, 767, 1000, 1279] {
      for block in 0..<5 {
        let start = block * tokensPerBlock
        let visible = pattern.visibleKeys(position: position, block: block)
        #expect(visible.lowerBound >= 0 && visible.upperBound <= tokensPerBlock)
        let defined = (0..<tokensPerBlock).filter { key in
          start + key <= position && window.map { start + key > position - $0 } ?? true
        }
        #expect(Array(visible) == defined, "position \(position), block \(block)")
      }
    }
  }

  /// Rows of a tile take their range of keys from its first and its last row.
  @Test(arguments: windows)
  func visibleKeysMoveOnWithThePosition(window: Int?) {
    let pattern = AttentionPattern(slidingWindow: window)
    for block in 0..<3 {
      var last = pattern.visibleKeys(position: 0, block: block)
      for position in 1..<1300 {
        let next = pattern.visibleKeys(position: position, block: block)
        #expect(next.lowerBound >= last.lowerBound && next.upperBound >= last.upperBound)
        last = next
      }
    }
  }

  @Test(arguments: windows)
  func aBlockSeesAnotherIfAnyOfItsQueriesDoes(window: Int?) {
    let pattern = AttentionPattern(slidingWindow: window)
    for query in 0..<6 {
      for key in 0..<6 {
        let defined = (query * tokensPerBlock..<(query + 1) * tokensPerBlock)
          .contains { !pattern.visibleKeys(position: $0, block: key).isEmpty }
        #expect(pattern.block(query, sees: key) == defined, "block \(query) of block \(key)")
      }
    }
  }

  /// The counts are those of the keys that are visible, block by block.
  @Test(arguments: windows)
  func countsAreThoseOfTheVisibleKeys(window: Int?) {
    let pattern = AttentionPattern(slidingWindow: window)
    var pairs = 0
    for position in 0..<1300 {
      let keys = (0...position / tokensPerBlock).reduce(0) {
        $0 + pattern.visibleKeys(position: position, block: $1).count
      }
      #expect(pattern.visibleKeyCount(position: position) == keys, "position \(position)")
      pairs += keys
    }
    #expect(pattern.visiblePairs(positions: 0..<1300) == pairs)
  }

  @Test(arguments: windows)
  func aBlockIsSeenWholeIfEveryQuerySeesEveryKey(window: Int?) {
    let pattern = AttentionPattern(slidingWindow: window)
    for block in 0..<3 {
      for first in stride(from: 0, to: 1100, by: 37) {
        for count in [1, 2, 64, 256] {
          let positions = first...first + count - 1
          let defined = positions.allSatisfy {
            pattern.visibleKeys(position: $0, block: block) == 0..<tokensPerBlock
          }
          #expect(
            pattern.sees(allOf: block, from: positions) == defined,
            "block \(block) from \(positions)")
        }
      }
    }
  }
}
