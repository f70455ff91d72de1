import Kernels
import TestSupport
import Testing

/// Rows that go to experts: each has the bits that it has alone, whichever rows are with it.
struct ExpertTests {
  /// Experts of one shape, two layers each, and rows that are spread over them.
  private struct Case {
    let experts: [LinearGroup]
    let inputs: MatrixInput
    /// By expert, without gaps.
    let runs: [ExpertRun]
    let tokens: [Int32]
    let weights: [Float]

    /// - Parameter counts: how many rows each expert has.
    init(
      _ arithmetic: Arithmetic, counts: [Int], columns: Int, outputs: Int, format: WeightFormat?
    ) {
      func matrix(_ index: Int, _ outputs: Int, hasBias: Bool) -> WeightMatrix {
        let seed = UInt64(100 + index)
        let bias = hasBias ? normalNumbers(outputs, seed: seed + 50) : []
        if let format {
          return RandomBlocks.matrix(
            format, outputs: outputs, inputs: columns, standardDeviation: 0.1, seed: seed)
        }
        let tensor = Tensor16(normalNumbers(outputs * columns, scale: 0.1, seed: seed))
        return WeightMatrix(
          outputs: outputs, inputs: columns, format: .bfloat16,
          elements: tensor.start, bias: bias, owner: tensor)
      }
      experts = counts.indices.map {
        LinearGroup(
          matrix(2 * $0, outputs, hasBias: $0 % 2 == 0),
          matrix(2 * $0 + 1, outputs + 3, hasBias: $0 % 2 == 1))
      }
      let rows = counts.reduce(0, +)
      inputs = MatrixInput(
        arithmetic, normalNumbers(rows * columns, seed: 7), columns: columns, filling: 0)
      var runs: [ExpertRun] = []
      var first = 0
      for (expert, count) in counts.enumerated() where count > 0 {
        runs.append(ExpertRun(expert: expert, rows: first..<first + count))
        first += count
      }
      self.runs = runs
      tokens = (0..<rows).map { Int32($0 * 7 % max(rows / 2, 1)) }
      weights = normalNumbers(rows, seed: 8)
    }

    func withRows<Result>(_ body: (ExpertRows) -> Result) -> Result {
      runs.withUnsafeBufferPointer { runs in
        tokens.withUnsafeBufferPointer { tokens in
          weights.withUnsafeBufferPointer { weights in
            body(
              ExpertRows(
                runs: runs, tokens: tokens.baseAddress!, weights: weights.baseAddress!))
          }
        }
      }
    }
  }

  /// Of one expert, of all, of none in between; more rows than a block has.
  private static let counts: [[Int]] = [[1], [0, 5, 0, 12, 1], [300, 1, 0, 13], [0, 0, 40]]

  @Test(arguments: Configuration.all)
  func aRowHasTheBitsThatItHasAlone(_ configuration: Configuration) {
    for threads in [1, 3] {
      let arithmetic = configuration.arithmetic(threads: threads)
      for counts in Self.counts {
        let example = Case(arithmetic, counts: counts, columns: 96, outputs: 70, format: nil)
        let width = example.experts[0].outputs
        var together = [Float](repeating: .nan, count: example.inputs.rows * width)
        var asFew = together
        let inputs = MatrixInputs(example.inputs.pointer, arithmetic.inputType)
        example.withRows {
          arithmetic.multiply(example.experts, rows: $0, inputs: inputs, outputs: &together)
          arithmetic.multiplyRows(
            example.experts, rows: $0, range: 0..<width, inputs: inputs, outputs: &asFew)
        }
        for run in example.runs {
          for row in run.rows {
            let label = "\(counts), \(threads) threads, row \(row)"
            let own = MatrixInputs(
              inputs.rows + row * inputs.type.rowBytes(columns: 96), inputs.type)
            let place = row * width..<(row + 1) * width
            var alone = [Float](repeating: .nan, count: width)
            arithmetic.multiplyRows(
              example.experts[Int(run.expert)], range: 0..<width, inputs: own, rows: 1,
              outputs: &alone, outputStride: width)
            #expect(asFew[place].elementsEqual(alone, by: isSame), "few rows, \(label)")
            let single = [ExpertRun(expert: Int(run.expert), rows: 0..<1)]
            var product = alone
            example.withRows { all in
              single.withUnsafeBufferPointer { runs in
                let rows = ExpertRows(runs: runs, tokens: all.tokens, weights: all.weights)
                arithmetic.multiply(example.experts, rows: rows, inputs: own, outputs: &product)
              }
            }
            #expect(together[place].elementsEqual(product, by: isSame), "products, \(label)")
          }
        }
      }
    }
  }

  /// Any part of the outputs, as ranks have it.
  @Test(arguments: Configuration.all)
  func aPartOfTheOutputsHasTheSameBits(_ configuration: Configuration) {
    let arithmetic = configuration.arithmetic(threads: 2)
    for format in [nil, WeightFormat.q4_K, .mxfp4] {
      let example = Case(
        arithmetic, counts: [3, 0, 9, 1], columns: 256, outputs: 64, format: format)
      let width = example.experts[0].outputs
      let type = arithmetic.inputType(of: example.experts[0])
      let int8 = Int8Rows(
        example.inputs.values, columns: 256, table(of: configuration.instructionSet))
      let inputs = MatrixInputs(type == .int8 ? int8.row(0) : example.inputs.pointer, type)
      func outputs(_ range: Range<Int>) -> [Float] {
        var result = [Float](repeating: .nan, count: example.inputs.rows * range.count)
        example.withRows {
          arithmetic.multiplyRows(
            example.experts, rows: $0, range: range, inputs: inputs, outputs: &result)
        }
        return result
      }
      let whole = outputs(0..<width)
      for range in [0..<40, 40..<100, 100..<width, 63..<66] {
        let part = outputs(range)
        for row in 0..<example.inputs.rows {
          let expected = whole[row * width + range.lowerBound..<row * width + range.upperBound]
          let found = part[row * range.count..<(row + 1) * range.count]
          #expect(
            found.elementsEqual(expected, by: isSame),
            "\(format.map(\.name) ?? "bf16"), outputs \(range), row \(row)")
        }
      }
    }
  }

  @Test(arguments: [1, 2, 5])
  func weightedRowsAreAddedInTheirOrder(threads: Int) {
    let arithmetic = highestArithmetics(threads: threads)[0]
    for columns in [1, 16, 100, 2048] {
      let example = Case(arithmetic, counts: [30, 0, 50], columns: 32, outputs: 4, format: nil)
      let outputs = normalNumbers(80 * columns, seed: 12)
      var sums = normalNumbers(40 * columns, seed: 13)
      var expected = sums
      for row in 0..<80 {
        for column in 0..<columns {
          expected[Int(example.tokens[row]) * columns + column] +=
            example.weights[row] * outputs[row * columns + column]
        }
      }
      example.withRows { arithmetic.add(outputs, rows: $0, columns: columns, to: &sums) }
      #expect(sums.elementsEqual(expected, by: isSame), "\(columns) columns")
    }
  }

  @Test(arguments: Configuration.all)
  func rowsAreGathered(_ configuration: Configuration) {
    let arithmetic = configuration.arithmetic(threads: 2)
    let example = Case(arithmetic, counts: [30, 0, 50], columns: 33, outputs: 4, format: nil)
    let output = MatrixInput(arithmetic, rows: 80, columns: 33)
    example.withRows {
      arithmetic.gather(
        MatrixInputs(example.inputs.pointer, arithmetic.inputType), columns: 33, rows: $0,
        into: output.pointer)
    }
    for row in 0..<80 {
      for column in 0..<33 {
        let expected = example.inputs.element(Int(example.tokens[row]), column)
        #expect(output.element(row, column) == expected)
      }
    }
  }
}

private func isSame(_ left: Float, _ right: Float) -> Bool {
  left.bitPattern == right.bitPattern
}

/// bfloat16 elements that stay where they are.
private final class Tensor16 {
  let start: UnsafeRawPointer
  private let memory: AlignedBuffer<UInt16>

  init(_ values: [Float]) {
    memory = AlignedBuffer(count: values.count)
    for (index, value) in values.enumerated() {
      memory.pointer[index] = BFloat16(value).bitPattern
    }
    start = UnsafeRawPointer(memory.pointer)
  }
}
