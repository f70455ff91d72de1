import Kernels
import Testing

/// Where queries lie, by the order that the type's documentation gives.
@Suite struct QueryLayoutTests {
  @Test(arguments: Configuration.all, [20, 32])
  func queriesLieAsDocumented(_ configuration: Configuration, dimension: Int) {
    let arithmetic = configuration.arithmetic()
    let shape = AttentionShape(queryHeads: 6, keyValueHeads: 2, headDimension: dimension)
    let tokens = 5
    let layout = arithmetic.queryLayout(shape, tokens: tokens)
    let padded = shape.paddedHeadDimension
    let bytes = arithmetic.inputType.bytes
    #expect(layout.rows == tokens * 6 && layout.tokenBytes == 6 * padded * bytes)

    let memory = AlignedBuffer<UInt8>(count: tokens * layout.tokenBytes)
    memory.elements.update(repeating: 77)
    let queries = (0..<tokens).map { normalNumbers(6 * dimension, seed: UInt64($0)) }
    for (token, row) in queries.enumerated() {
      arithmetic.store(queries: row, token: token, into: memory.pointer, layout: layout)
    }
    func element(_ index: Int) -> Float {
      let place = UnsafeRawPointer(memory.pointer + index * bytes)
      return arithmetic.inputType == .bf16
        ? BFloat16(bitPattern: place.load(as: UInt16.self)).float : place.load(as: Float.self)
    }
    for keyValueHead in 0..<2 {
      for token in 0..<tokens {
        for member in 0..<3 {
          let row = (keyValueHead * tokens + token) * 3 + member
          #expect(row == layout.row(head: keyValueHead, token: token) + member)
          #expect(layout.offset(ofRow: row) == row * padded * bytes)
          for j in 0..<padded {
            let head = keyValueHead * 3 + member
            let expected =
              j < dimension ? configuration.rounded(queries[token][head * dimension + j]) : 0
            #expect(element(row * padded + j) == expected, "head \(head), token \(token), \(j)")
          }
        }
      }
    }
  }
}
