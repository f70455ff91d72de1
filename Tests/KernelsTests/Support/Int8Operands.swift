import Kernels
import TestSupport
import Testing

/// A few different rows of inputs and of weights, of which larger ones consist, and the twin's products
/// of each with each.
final class Int8Operands {
  let distinctWeights: WeightMatrix
  /// `[tokens][inputs]`, numbers of bfloat16, so that both precisions read the same ones.
  let distinctInputs: [Float]
  /// `[tokens][outputs]`, without a bias.
  let twin: [Float]
  private let bias: [Float]
  private let inputs: Int

  /// Neither divides what the kernels take at a time.
  private static let tokens = 13
  private static let outputs = 35

  init(_ format: WeightFormat, inputs: Int) {
    self.inputs = inputs
    distinctWeights = RandomBlocks.matrix(format, outputs: Self.outputs, inputs: inputs, seed: 50)
    var values = normalNumbers(Self.tokens * inputs, seed: 51).map { BFloat16($0).float }
    // A group of zeros, one that counts as such, and one beside which the others count for nothing.
    for (token, factor) in [(3, 0), (4, 0x1p-125), (5, 0x1p60)] as [(Int, Float)] {
      for i in inputs - 32..<inputs { values[token * inputs + i] *= factor }
    }
    distinctInputs = values
    twin = ReferenceInt8.multiply(distinctWeights, inputs: values)
    bias = normalNumbers(300, seed: 55)
  }

  func groups(ofToken token: Int) -> [ReferenceInt8.Group] {
    ReferenceInt8.quantized(distinctInputs[token * inputs..<(token + 1) * inputs])
  }

  private func matrix(outputs: Int, hasBias: Bool) -> WeightMatrix {
    let rowBytes = distinctWeights.rowBytes
    let bytes = (0..<outputs).flatMap {
      UnsafeRawBufferPointer(
        start: distinctWeights.row($0 % Self.outputs), count: rowBytes)
    }
    return WeightMatrix(
      distinctWeights.format, outputs: outputs, inputs: inputs, bytes: bytes,
      bias: hasBias ? Array(bias[..<outputs]) : [])
  }

  private func product(_ token: Int, _ output: Int, hasBias: Bool) -> Float {
    let sum = twin[token % Self.tokens * Self.outputs + output % Self.outputs]
    return hasBias ? sum + bias[output] : sum
  }

  /// Multiplies as the context does, into wider rows, and as a prompt does, a range of the outputs.
  func check(
    _ arithmetic: Arithmetic, rows: Int, outputs: Int, hasBias: Bool, accumulate: Bool
  ) {
    let label: Comment = """
      \(distinctWeights.format), \(arithmetic.label), \(rows) rows, \(inputs) inputs, \
      \(outputs) outputs, bias \(hasBias), accumulate \(accumulate), \(arithmetic.team.threads) threads
      """
    let weights = matrix(outputs: outputs, hasBias: hasBias)
    let own = MatrixInput(
      arithmetic,
      (0..<rows).flatMap {
        distinctInputs[$0 % Self.tokens * inputs..<($0 % Self.tokens + 1) * inputs]
      }, columns: inputs)
    let int8 = Int8Rows(rows: rows, columns: inputs)
    arithmetic.quantize(own.pointer, count: rows, columns: inputs, into: int8.row(0))

    let stride = outputs + 5
    let before: Float = 7.5
    var output = [Float](repeating: before, count: rows * stride)
    arithmetic.multiply(
      weights, inputs: int8.inputs, tokens: rows, outputs: &output, outputStride: stride,
      accumulate: accumulate)
    let expected = (0..<rows).flatMap { row in
      (0..<stride).map { column in
        guard column < outputs else { return before }
        let product = product(row, column, hasBias: hasBias)
        return accumulate ? product + before : product
      }
    }
    #expect(bits(output) == bits(expected), label)

    let range = outputs / 3..<outputs - outputs / 9
    var part = [Float](repeating: .nan, count: rows * range.count)
    arithmetic.multiplyRows(
      LinearGroup(weights), range: range, inputs: int8.inputs, rows: rows, outputs: &part,
      outputStride: range.count)
    let expectedPart = (0..<rows).flatMap { row in
      range.map { product(row, $0, hasBias: hasBias) }
    }
    #expect(bits(part) == bits(expectedPart), label)
  }
}
