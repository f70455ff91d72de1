import Kernels
import TestSupport
import Testing

/// Products of weights in blocks of small integers that are unpacked, against those of the same weights
/// as numbers of their own, to the last bit.
struct UnpackedProductTests {
  private static func inputCounts(_ format: WeightFormat) -> [Int] {
    format.elementsPerBlock == 32 ? [32, 96, 544] : [256, 1024]
  }

  /// Where microkernels multiply, weights are unpacked to the type of the precision, as a matrix of that
  /// type has them; where OpenBLAS does, to float32, which fp32 precision has for it.
  @Test(arguments: WeightFormat.quantized)
  func productsAreThoseOfTheNumbers(_ format: WeightFormat) {
    for configuration in Configuration.all {
      for (i, inputs) in Self.inputCounts(format).enumerated() {
        for (r, rows) in [1, 5, 13, 64].enumerated() {
          let arithmetic = configuration.arithmetic(
            threads: 1 + (i + r) % 2, quantizedProducts: .unpacked)
          let outputs = [1, 32, 33, 300][(i + r) % 4]
          let weights = RandomBlocks.matrix(
            format, outputs: outputs, inputs: inputs, bias: normalNumbers(outputs, seed: 70),
            seed: 71)
          let values = normalNumbers(rows * inputs, seed: 72).map(configuration.rounded)
          check(arithmetic, weights, values, before: r % 2 == 0 ? 7.5 : 0)
        }
      }
    }
  }

  /// - Parameter before: what is there before, and is added to where it is not 0.
  private func check(
    _ arithmetic: Arithmetic, _ weights: WeightMatrix, _ values: [Float], before: Float
  ) {
    let outputs = weights.outputs
    let own = MatrixInput(arithmetic, values, columns: weights.inputs)
    let rows = own.rows
    let label: Comment =
      "\(arithmetic.label), \(rows) rows, \(weights.inputs) inputs, \(outputs) outputs"
    let isBF16 = arithmetic.precision == .bf16
    let numbers = weights.unpacked(to: isBF16 ? .bfloat16 : .float32)

    // As the context is multiplied.
    func multiplied(_ weights: WeightMatrix) -> [Float] {
      var output = [Float](repeating: before, count: rows * outputs)
      arithmetic.multiply(
        weights, inputs: own.pointer, tokens: rows, outputs: &output, outputStride: outputs,
        accumulate: before != 0)
      return output
    }
    // As a prompt is.
    func multipliedRows(
      _ weights: WeightMatrix, _ first: Int, _ count: Int, _ range: Range<Int>
    ) -> [Float] {
      var output = [Float](repeating: .nan, count: count * range.count)
      arithmetic.multiplyRows(
        weights, range: range, inputs: own.row(first), rows: count, outputs: &output)
      return output
    }
    let product = multiplied(weights)
    let all = multipliedRows(weights, 0, rows, 0..<outputs)
    switch (arithmetic.multipliesPanels, isBF16) {
    case (true, _):
      #expect(bits(product) == bits(multiplied(numbers)), label)
      #expect(bits(product) == bits(before == 0 ? all : all.map { $0 + before }), label)
    case (false, false):
      #expect(bits(product) == bits(multiplied(numbers)), label)
      let single = (0..<rows).flatMap { multipliedRows(numbers, $0, 1, 0..<outputs) }
      #expect(bits(all) == bits(single), label)
    case (false, true):
      expectAccurate(product, weights, inputs: values, initial: before, label)
      expectAccurate(all, weights, inputs: values, initial: 0, label)
    }
    // A row is the same alone, and with any others, in any range.
    let range = outputs / 3..<outputs - outputs / 9
    for row in Set([0, rows / 2, rows - 1]) {
      let expected = all[row * outputs + range.lowerBound..<row * outputs + range.upperBound]
      #expect(bits(multipliedRows(weights, row, 1, range)) == bits(Array(expected)), label)
    }
  }

  /// The error may be 1.5 times a plain float32 loop's, and a unit in the last place of the magnitudes
  /// where outputs are few.
  private func expectAccurate(
    _ output: [Float], _ weights: WeightMatrix, inputs: [Float], initial: Float, _ label: Comment
  ) {
    let exact = ReferenceLinear.multiply(weights, inputs: inputs).map { $0 + Double(initial) }
    let naive = ReferenceLinear.multiplyInFloat32(weights, inputs: inputs, initial: initial)
    let floor = float32Floor * (1 + norm(naive.magnitudes) / norm(exact))
    let error = relativeError(output, exact)
    #expect(error <= 1.5 * relativeError(naive.outputs, exact) + floor, label)
  }
}
