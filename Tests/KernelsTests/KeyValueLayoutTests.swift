import Kernels
import Testing

struct KeyValueLayoutTests {
  @Test(arguments: Configuration.all, [16, 80, 128])
  func sizes(_ configuration: Configuration, dimension: Int) {
    let shape = AttentionShape(queryHeads: 6, keyValueHeads: 3, headDimension: dimension)
    let layout = configuration.arithmetic().keyValueLayout(shape)
    #expect(layout.shape == shape)
    #expect(layout.keyBytes == 256 * dimension * configuration.precision.bytes)
    #expect(layout.headBytes == 2 * layout.keyBytes)
    #expect(layout.blockBytes == 3 * layout.headBytes)
  }

  /// Every element of a block is written by exactly one (token, coordinate), and nothing outside
  /// it.
  @Test(arguments: Configuration.all, [16, 80])
  func everyElementHasItsPlace(_ configuration: Configuration, dimension: Int) {
    let arithmetic = configuration.arithmetic()
    let shape = AttentionShape(queryHeads: 1, keyValueHeads: 1, headDimension: dimension)
    let layout = arithmetic.keyValueLayout(shape)
    let width = configuration.precision.bytes
    let memory = AlignedBuffer<UInt8>(count: layout.headBytes + 64)
    let head = UnsafeMutableRawPointer(memory.pointer)
    let ones = [Float](repeating: 1, count: dimension)
    let twos = [Float](repeating: 2, count: dimension)
    func element(_ index: Int) -> Float {
      configuration.precision == .bf16
        ? head.assumingMemoryBound(to: BFloat16.self)[index].float
        : head.assumingMemoryBound(to: Float.self)[index]
    }
    for token in 0..<tokensPerBlock {
      arithmetic.store(keys: ones, values: twos, token: token, into: head, layout: layout)
      let keys = (0..<layout.keyBytes / width).count { element($0) == 1 }
      #expect(keys == (token + 1) * dimension, "token \(token)")
    }
    let elements = layout.keyBytes / width
    #expect((0..<elements).allSatisfy { element($0) == 1 })
    #expect((elements..<2 * elements).allSatisfy { element($0) == 2 })
    #expect((layout.headBytes..<memory.count).allSatisfy { memory.pointer[$0] == 0 })
  }

  /// What is cleared is as if it had never been stored.
  @Test(arguments: Configuration.all, [0, 1, 63, 255, 256])
  func clearedPlacesAreAsNew(_ configuration: Configuration, from token: Int) {
    let arithmetic = configuration.arithmetic()
    expectCleared(arithmetic, from: token)
    guard arithmetic.precision == .bf16, arithmetic.multipliesPanels else { return }
    expectCleared(
      Arithmetic(
        Numerics(precision: .bf16, quantizedProducts: .int8, keyValueFormat: .q8),
        instructionSet: arithmetic.instructionSet, team: arithmetic.team), from: token)
  }

  private func expectCleared(_ arithmetic: Arithmetic, from token: Int) {
    let layout = arithmetic.keyValueLayout(
      AttentionShape(queryHeads: 2, keyValueHeads: 2, headDimension: 80))
    /// With so many tokens, of which those from `cleared` on are taken back.
    func block(tokens: Int, cleared: Int) -> [UInt8] {
      let block = AlignedBuffer<UInt8>(count: layout.blockBytes)
      for token in 0..<tokens {
        let numbers = normalNumbers(2 * 160, seed: UInt64(token))
        arithmetic.store(
          keys: Array(numbers[..<160]), values: Array(numbers[160...]), token: token,
          into: block.pointer, layout: layout)
      }
      arithmetic.clear(from: cleared, in: block.pointer, layout: layout)
      return Array(block.elements)
    }
    #expect(
      block(tokens: tokensPerBlock, cleared: token) == block(tokens: token, cleared: tokensPerBlock)
    )
  }

  /// The order that the type's documentation gives.
  @Test(arguments: Configuration.all)
  func keysAndValuesLieAsDocumented(_ configuration: Configuration) {
    let arithmetic = configuration.arithmetic()
    let d = 80
    let shape = AttentionShape(queryHeads: 1, keyValueHeads: 1, headDimension: d)
    let layout = arithmetic.keyValueLayout(shape)
    let memory = AlignedBuffer<UInt8>(count: layout.headBytes)
    let head = UnsafeMutableRawPointer(memory.pointer)
    let isPacked = arithmetic.multipliesPanels
    let pair = isPacked && configuration.precision == .bf16 ? 2 : 1
    for token in [0, 1, 63, 64, 130, 255] {
      let keys = normalNumbers(d, seed: UInt64(token) + 1000).map(configuration.rounded)
      let values = normalNumbers(d, seed: UInt64(token)).map(configuration.rounded)
      arithmetic.store(keys: keys, values: values, token: token, into: head, layout: layout)
      for j in 0..<d {
        let panel = j / 32 * 32
        let width = min(32, d - panel)
        let packedKey = ((token / 32 * (d / pair) + j / pair) * 32 + token % 32) * pair + j % pair
        let packedValue =
          panel * 256 + (token / pair * width + j - panel) * pair + token % pair
        let key = isPacked ? packedKey : token * d + j
        let value = 256 * d + (isPacked ? packedValue : token * d + j)
        func element(_ index: Int) -> Float {
          configuration.precision == .bf16
            ? head.assumingMemoryBound(to: BFloat16.self)[index].float
            : head.assumingMemoryBound(to: Float.self)[index]
        }
        #expect(element(key) == keys[j], "token \(token), coordinate \(j)")
        #expect(element(value) == values[j], "token \(token), coordinate \(j)")
      }
    }
  }
}
