import Kernels
import TestSupport
import Testing

/// Linear layers against their definition in Float64, and the bits that must not depend on how the
/// work is divided.
struct LinearTests {
  static let inputSizes = [1, 2, 17, 31, 32, 33, 64, 100, 256, 1000, 4100]
  static let outputSizes = [1, 3, 63, 64, 65, 300]
  static let tokenCounts = [1, 5, 6, 7, 255, 256, 257, 600]

  /// Configurations with each type of weights that they take.
  struct Variant: CustomTestStringConvertible, Sendable {
    let configuration: Configuration
    let weights: WeightFormat
    var testDescription: String {
      "\(configuration.testDescription), \(weights) weights"
    }

    static let all = Configuration.all.flatMap { configuration in
      WeightFormat.plain.filter { $0.precisions.contains(configuration.precision) }
        .map { Variant(configuration: configuration, weights: $0) }
    }

    func operands(threads: Int = 1, largest: Int = LinearOperands.largest) -> LinearOperands {
      LinearOperands(
        configuration.arithmetic(threads: threads), weights: weights, largest: largest)
    }
  }

  /// `multiply` into `[tokens][outputs + 5]`, of which it may write the first columns alone.
  private func multiply(
    _ operands: LinearOperands, _ weights: WeightMatrix, _ inputs: MatrixInput,
    accumulate: Bool, name: String
  ) -> [Float] {
    let stride = weights.outputs + 5
    var output = [Float](repeating: 7.5, count: inputs.rows * stride)
    operands.arithmetic.multiply(
      weights, inputs: inputs.pointer, tokens: inputs.rows, outputs: &output, outputStride: stride,
      accumulate: accumulate)
    let isIntact = (0..<inputs.rows).allSatisfy { row in
      output[row * stride + weights.outputs..<(row + 1) * stride].allSatisfy { $0 == 7.5 }
    }
    #expect(isIntact, "\(name): written outside the columns")
    return (0..<inputs.rows).flatMap { output[$0 * stride..<$0 * stride + weights.outputs] }
  }

  /// Some tokens' outputs against the definition; the error may be 1.5 times a plain float32
  /// loop's.
  ///
  /// A few outputs tell nothing about a loop's usual error, which may be 0 by chance: they may also
  /// lose a unit in the last place of the sum of magnitudes.
  private func check(
    _ output: [Float], _ weights: WeightMatrix, _ inputs: MatrixInput, initial: Float, name: String
  ) {
    #expect(output.allSatisfy { $0.isFinite }, "\(name)")
    var computed: [Float] = []
    var operands: [Float] = []
    for token in Set([0, 5, 256, inputs.rows - 1]).filter({ $0 < inputs.rows }).sorted() {
      computed += output[token * weights.outputs..<(token + 1) * weights.outputs]
      operands += (0..<weights.inputs).map { inputs.element(token, $0) }
    }
    let exact = ReferenceLinear.multiply(weights, inputs: operands).map { $0 + Double(initial) }
    let naive = ReferenceLinear.multiplyInFloat32(weights, inputs: operands, initial: initial)
    let error = relativeError(computed, exact)
    var bound = 1.5 * relativeError(naive.outputs, exact) + float32Floor
    if exact.count < 64 { bound += float32Floor * norm(naive.magnitudes) / norm(exact) }
    #expect(error <= bound, "\(name): error \(error), bound \(bound)")
  }

  @Test(arguments: Variant.all)
  func multiplyIsAccurate(_ variant: Variant) {
    let operands = variant.operands()
    for (i, inputSize) in Self.inputSizes.enumerated() {
      for (t, tokens) in Self.tokenCounts.enumerated() {
        let inputs = operands.inputs(tokens: tokens, columns: inputSize)
        for (o, outputSize) in Self.outputSizes.enumerated() {
          let hasBias = (i + t + o) % 2 == 0
          let accumulate = (i + t + o) / 2 % 2 == 0
          let name =
            "\(inputSize) inputs, \(outputSize) outputs, \(tokens) tokens, bias \(hasBias), "
            + "accumulate \(accumulate)"
          let weights = operands.matrix(outputs: outputSize, inputs: inputSize, hasBias: hasBias)
          let output = multiply(operands, weights, inputs, accumulate: accumulate, name: name)
          check(output, weights, inputs, initial: accumulate ? 7.5 : 0, name: name)
        }
      }
    }
  }

  @Test(arguments: Variant.all)
  func multiplyRowsIsAccurate(_ variant: Variant) {
    let operands = variant.operands()
    for (i, inputSize) in Self.inputSizes.enumerated() {
      for (o, outputSize) in Self.outputSizes.enumerated() {
        for rows in [1, 2, 5, 6, 7] {
          let hasBias = (i + o + rows) % 2 == 0
          let name =
            "\(inputSize) inputs, \(outputSize) outputs, \(rows) rows, bias \(hasBias)"
          let weights = operands.matrix(outputs: outputSize, inputs: inputSize, hasBias: hasBias)
          let inputs = operands.inputs(tokens: rows, columns: inputSize)
          var output = [Float](repeating: .nan, count: rows * outputSize)
          operands.arithmetic.multiplyRows(
            weights, range: 0..<outputSize, inputs: inputs.pointer, rows: rows, outputs: &output)
          check(output, weights, inputs, initial: 0, name: name)
        }
      }
    }
  }

  @Test(arguments: Variant.all)
  func theNumberOfThreadsChangesNothing(_ variant: Variant) {
    var first: [[UInt32]] = []
    for threads in [1, 2, 5] {
      let operands = variant.operands(threads: threads, largest: 600 * 1000)
      var results: [[UInt32]] = []
      for (inputSize, outputSize, tokens) in [(1000, 600, 600), (33, 300, 257), (256, 65, 7)] {
        let weights = operands.matrix(outputs: outputSize, inputs: inputSize, hasBias: true)
        let inputs = operands.inputs(tokens: tokens, columns: inputSize)
        results.append(
          bits(multiply(operands, weights, inputs, accumulate: true, name: "\(threads) threads")))
        var output = [Float](repeating: 0, count: 7 * outputSize)
        operands.arithmetic.multiplyRows(
          weights, range: 0..<outputSize, inputs: inputs.pointer, rows: 7, outputs: &output)
        results.append(bits(output))
      }
      if first.isEmpty { first = results }
      #expect(results == first, "\(threads) threads")
    }
  }

  /// A block of 256 tokens has the same outputs wherever it stands, as on another rank.
  @Test(arguments: Variant.all)
  func aBlockDoesNotDependOnItsNeighbours(_ variant: Variant) {
    let operands = variant.operands(largest: 600 * 300)
    for (inputSize, outputSize) in [(100, 300), (300, 65)] {
      let weights = operands.matrix(outputs: outputSize, inputs: inputSize, hasBias: true)
      let inputs = operands.inputs(tokens: 600, columns: inputSize)
      let all = multiply(operands, weights, inputs, accumulate: false, name: "all")
      for first in [0, 256, 512] {
        let tokens = min(256, 600 - first)
        var output = [Float](repeating: 0, count: tokens * outputSize)
        operands.arithmetic.multiply(
          weights, inputs: inputs.row(first), tokens: tokens, outputs: &output,
          outputStride: outputSize)
        #expect(
          bits(output) == bits(Array(all[first * outputSize..<(first + tokens) * outputSize])),
          "\(inputSize) inputs, token \(first)")
      }
    }
  }

  @Test(arguments: Variant.all)
  func anyRangeAndAnyNumberOfRowsGiveTheSameBits(_ variant: Variant) {
    let operands = variant.operands(threads: 2, largest: 1000 * 300)
    for inputSize in [1, 33, 100, 1000] {
      for hasBias in [false, true] {
        let weights = operands.matrix(outputs: 300, inputs: inputSize, hasBias: hasBias)
        let inputs = operands.inputs(tokens: 64, columns: inputSize)
        func rows(_ first: Int, _ count: Int, _ range: Range<Int>) -> [UInt32] {
          var output = [Float](repeating: .nan, count: count * range.count)
          operands.arithmetic.multiplyRows(
            weights, range: range, inputs: inputs.row(first), rows: count, outputs: &output)
          return bits(output)
        }
        let all = rows(0, 64, 0..<300)
        for range in [0..<300, 0..<1, 299..<300, 0..<150, 7..<42, 150..<300, 33..<33] {
          for (first, count) in [(0, 1), (0, 2), (63, 1), (5, 7), (0, 64)] {
            let expected = (first..<first + count)
              .flatMap { all[$0 * 300 + range.lowerBound..<$0 * 300 + range.upperBound] }
            #expect(
              rows(first, count, range) == expected,
              "\(inputSize) inputs, outputs \(range), rows \(first)..<\(first + count)")
          }
        }
      }
    }
  }

  @Test func panelsFitTheMicrokernelsAndTheCache() {
    for inputs in [0, 1, 64, 4096, 14336, 1 << 20, 1 << 24] {
      for configuration in Configuration.all {
        let arithmetic = configuration.arithmetic()
        let panel = arithmetic.outputsPerPanel(inputs: inputs)
        if arithmetic.multipliesPanels {
          #expect(panel == 32)
        } else {
          #expect((16...256).contains(panel) && panel % 16 == 0, "\(inputs) inputs")
          #expect(panel * inputs <= 1 << 20 || panel == 16, "\(inputs) inputs")
        }
      }
    }
  }

  @Test func rowsOfInputsAreNeverAMultipleOf4KBApart() {
    for columns in 1...9000 {
      let stride = Arithmetic.inputStride(columns: columns)
      #expect(stride >= columns && stride % 32 == 0 && stride <= columns + 63)
      #expect(stride * 2 % 4096 != 0 && stride * 4 % 4096 != 0, "\(columns) columns")
    }
  }

  @Test func memoryIsCutIntoLongRunsForAllThreads() {
    #expect(Arithmetic.runs(bytes: 1 << 30, threads: 1) == 1)
    for threads in 2...9 {
      #expect(Arithmetic.runs(bytes: 0, threads: threads) == threads)
      #expect(Arithmetic.runs(bytes: 1 << 30, threads: threads) == 4 * threads)
      for bytes in stride(from: 0, to: 64 << 20, by: 1 << 19) {
        let runs = Arithmetic.runs(bytes: bytes, threads: threads)
        #expect(runs == threads || bytes / runs >= 1 << 19, "\(bytes) bytes, \(threads) threads")
      }
    }
  }

  @Test func severalRowsUseTheirWeightsFromTheCache() {
    for (outputs, rowBytes, threads) in [
      (1, 1, 1), (4096, 2048, 2), (100, 1 << 24, 2), (4096, 256, 64), (3, 100, 8),
    ] {
      let perItem = Arithmetic.outputsPerItem(
        outputs: outputs, rowBytes: rowBytes, threads: threads, cacheBytes: 2 << 20)
      #expect(perItem >= 12 && perItem % 12 == 0)
      #expect(perItem == 12 || (perItem - 12) * rowBytes <= (2 << 20) / 4)
      #expect(perItem == 12 || (perItem - 12) * 4 * threads <= outputs)
    }
  }

  @Test func itemsArePackedOnceWhereThereAreEnoughForAllThreads() {
    #expect(Arithmetic.blocksPerItem(panels: 128, blocks: 4, threads: 2) == 4)
    #expect(Arithmetic.blocksPerItem(panels: 8, blocks: 4, threads: 2) == 2)
    #expect(Arithmetic.blocksPerItem(panels: 8, blocks: 4, threads: 64) == 1)
    #expect(Arithmetic.blocksPerItem(panels: 1, blocks: 1, threads: 64) == 1)
    for panels in [1, 2, 8, 32, 128] {
      for blocks in 1...5 {
        for threads in [1, 2, 7, 64] {
          let size = Arithmetic.blocksPerItem(panels: panels, blocks: blocks, threads: threads)
          #expect((1...blocks).contains(size))
          let items = panels * ((blocks + size - 1) / size)
          #expect(size == 1 || items >= 4 * threads || panels >= 8 * threads, "\(items) items")
        }
      }
    }
  }
}
