import Kernels
import Testing

struct AttentionShapeTests {
  @Test func aTileDividesABlock() {
    for configuration in Configuration.all {
      let arithmetic = configuration.arithmetic()
      for group in 1...1024 {
        let shape = AttentionShape(queryHeads: 2 * group, keyValueHeads: 2, headDimension: 64)
        let tokens = arithmetic.tokensPerTile(shape)
        #expect(shape.groupSize == group)
        #expect(tokens >= 1 && tokensPerBlock % tokens == 0, "group \(group)")
      }
    }
  }

  /// States, queries and the block that they attend to stay in the cache, whatever its size, unless
  /// that leaves too few rows for the microkernels.
  @Test func aTileFitsTheCache() {
    for kilobytes in [256, 512, 1024, 1280, 2048, 4096] {
      for dimension in [16, 64, 128, 256] {
        for (type, isCompensated) in [
          (InputType.float32, true), (.float32OfBF16, false), (.bf16, false),
        ] {
          let layout = SoftmaxStateLayout(headDimension: dimension, isCompensated: isCompensated)
          let rows = Arithmetic.rowsPerTile(
            headDimension: dimension, stateLayout: layout, inputType: type,
            cacheBytes: kilobytes << 10)
          let rowBytes = layout.rowElements * 8 + dimension * type.bytes
          let block = 2 * tokensPerBlock * dimension * type.bytes
          #expect(
            rows == 48 || (rows > 48 && rows * rowBytes + block <= kilobytes << 10),
            "\(kilobytes) KB, d = \(dimension)")
        }
      }
    }
  }

  @Test func scoresAreScaledToBase2() {
    for dimension in [16, 64, 80, 128, 256] {
      let shape = AttentionShape(queryHeads: 1, keyValueHeads: 1, headDimension: dimension)
      let exact = 1 / (0.6931471805599453 * Double(dimension).squareRoot())
      #expect(abs(Double(shape.scoreScale) / exact - 1) < 0x1p-23)
    }
  }

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
}
