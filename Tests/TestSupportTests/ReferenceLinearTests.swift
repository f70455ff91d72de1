import Kernels
import TestSupport
import Testing

/// The twin of linear layers against a case that is worked out by hand.
@Suite struct ReferenceLinearTests {
  @Test func outputsAreDotProductsOfRowsWithTheInputs() {
    let numbers: [Float] = [1, 2, 3, -4, 0.5, 8]
    let singles = numbers
    let halves = numbers.map(BFloat16.init)
    let expected: [Double] = [1 + 20 + 300, -4 + 5 + 800, -2, 8]
    singles.withUnsafeBytes { singles in
      halves.withUnsafeBytes { halves in
        for (format, bytes) in [(WeightFormat.float32, singles), (.bfloat16, halves)] {
          func matrix(bias: [Float]) -> WeightMatrix {
            WeightMatrix(
              outputs: 2, inputs: 3, format: format, elements: bytes.baseAddress!, bias: bias,
              owner: format as AnyObject)
          }
          #expect(matrix(bias: []).floats == numbers)
          let inputs: [Float] = [1, 10, 100, -2, 0, 0]
          #expect(ReferenceLinear.multiply(matrix(bias: []), inputs: inputs) == expected)
          #expect(
            ReferenceLinear.multiply(matrix(bias: [0.25, -1]), inputs: inputs)
              == [expected[0] + 0.25, expected[1] - 1, expected[2] + 0.25, expected[3] - 1])
        }
      }
    }
  }
}
