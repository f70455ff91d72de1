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
}
