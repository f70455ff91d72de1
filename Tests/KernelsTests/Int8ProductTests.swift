import Kernels
import TestSupport
import Testing

/// Products of int8 have the bits of the plain twin: on every instruction set, in both precisions, for
/// any number of rows, threads, ranges and blocks.
struct Int8ProductTests {
  private static let rowCounts = [1, 2, 5, 6, 7, 12, 13, 64]
  private static let outputCounts = [1, 31, 32, 33, 300]

  private static func inputCounts(_ format: WeightFormat) -> [Int] {
    format.elementsPerBlock == 32 ? [32, 64, 96, 544, 576, 1024] : [256, 512, 1024, 4352]
  }

  private static func arithmetic(
    _ set: InstructionSet, _ precision: Precision, threads: Int
  ) -> Arithmetic {
    Configuration(instructionSet: set, precision: precision).arithmetic(
      threads: threads, quantizedProducts: .int8)
  }

  /// Every size of one kind with some of the others; what varies besides goes round among the calls.
  @Test(arguments: WeightFormat.quantized)
  func productsAreThoseOfTheTwin(_ format: WeightFormat) {
    for (i, inputs) in Self.inputCounts(format).enumerated() {
      let operands = Int8Operands(format, inputs: inputs)
      for set in InstructionSet.available {
        for (r, rows) in Self.rowCounts.enumerated() {
          let outputs = Self.outputCounts[(i + r) % Self.outputCounts.count]
          let hasBias = (i + r) % 2 == 0
          let arithmetic = Self.arithmetic(
            set, Precision.allCases[(i + r / 2) % 2], threads: 1 + (i + r) % 3 % 2)
          operands.check(
            arithmetic, rows: rows, outputs: outputs, hasBias: hasBias, accumulate: r % 3 == 0)
        }
      }
    }
  }

  /// Tokens of more blocks than one, whose last one is not full.
  @Test(arguments: InstructionSet.available)
  func blocksOfTokens(_ set: InstructionSet) {
    for (format, inputs) in [(WeightFormat.q4_0, 96), (.q2_K, 256)] {
      let operands = Int8Operands(format, inputs: inputs)
      for threads in [1, 2, 5] {
        operands.check(
          Self.arithmetic(set, .bf16, threads: threads), rows: 600, outputs: 300, hasBias: true,
          accumulate: true)
      }
    }
  }

  /// The error of an output is at most what its inputs lose, half a step each, times its weights, and
  /// what the chain of float32 operations loses, half an ulp of the sum of magnitudes for each of them.
  @Test(arguments: WeightFormat.quantized)
  func theErrorIsThatOfRoundingTheInputs(_ format: WeightFormat) {
    for inputs in Self.inputCounts(format) {
      let operands = Int8Operands(format, inputs: inputs)
      let weights = operands.distinctWeights
      let exact = ReferenceLinear.multiply(weights, inputs: operands.distinctInputs)
      let sums = (0..<weights.outputs).map { MagnitudesOfGroups(weights, row: $0) }
      for (index, (value, exact)) in zip(operands.twin, exact).enumerated() {
        let (token, row) = index.quotientAndRemainder(dividingBy: weights.outputs)
        var bound = 0.0
        for (place, group) in operands.groups(ofToken: token).enumerated() {
          // Numbers below 2^-120 are 0. Where a step is a 127th of the largest number, three roundings
          // of factor, product and scale are at most 2^-15 steps.
          let step = max(Double(group.scale), group.scale == 0 ? 0x1p-119 : 0)
          let operations = Double(4 * inputs / 16 + 2)
          bound += step * (0.5 + 0x1p-15) * sums[row].weights[place]
          bound += operations * 0x1p-24 * 127 * step * sums[row].terms[place]
        }
        if !(abs(Double(value) - exact) <= bound) {
          Issue.record("\(inputs) inputs, output \(index): \(value), not \(exact) ± \(bound)")
          return
        }
      }
    }
  }

  /// Of one row of weights, for each group of 32 inputs.
  private struct MagnitudesOfGroups {
    /// The sums of the weights' magnitudes, and of those of what is added up: a minimum and what it is
    /// added to are apart there.
    var weights: [Double] = []
    var terms: [Double] = []

    init(_ matrix: WeightMatrix, row: Int) {
      for block in matrix.blocks(ofRow: row) {
        let floats = block.floats
        for first in stride(from: 0, to: floats.count, by: 32) {
          let minimums =
            block.minimums.isEmpty
            ? 0
            : (first..<first + 32).reduce(0) {
              $0 + Double(abs(block.minimums[$1 / block.weightsPerScale]))
            }
          weights.append(floats[first..<first + 32].reduce(0) { $0 + Double(abs($1)) })
          terms.append(weights.last! + 2 * minimums)
        }
      }
    }
  }

  /// Matrices of different formats read one row of int8; with one that has no blocks, all read the
  /// arithmetic's own type.
  @Test(arguments: Configuration.all)
  func groupsOfSeveralFormats(_ configuration: Configuration) {
    let arithmetic = configuration.arithmetic(threads: 2, quantizedProducts: .int8)
    let formats = WeightFormat.quantized
    let matrices = formats.enumerated().map { index, format in
      RandomBlocks.matrix(format, outputs: 33 + index, inputs: 512, seed: UInt64(index))
    }
    let values = normalNumbers(7 * 512, seed: 52).map { BFloat16($0).float }
    for first in formats.indices {
      let three = (0..<3).map { matrices[(first + $0) % formats.count] }
      let group = LinearGroup(three[0], three[1], three[2])
      #expect(arithmetic.inputType(of: group) == .int8)
      let twins = three.map { ReferenceInt8.multiply($0, inputs: values) }
      let expected = (0..<7).flatMap { token in
        zip(three, twins).flatMap { $1[token * $0.outputs..<(token + 1) * $0.outputs] }
      }
      let rows = Int8Rows(values, columns: 512, table(of: configuration.instructionSet))
      for range in [0..<group.outputs, 20..<group.outputs - 20, three[0].outputs..<group.outputs] {
        var output = [Float](repeating: .nan, count: 7 * range.count)
        arithmetic.multiplyRows(
          group, range: range, inputs: rows.inputs, rows: 7, outputs: &output,
          outputStride: range.count)
        let part = (0..<7).flatMap { token in
          range.map { expected[token * group.outputs + $0] }
        }
        #expect(bits(output) == bits(part), "from \(formats[first]) on, outputs \(range)")
      }
    }
    let plain = matrices[0].unpacked(to: .bfloat16)
    #expect(arithmetic.inputType(of: LinearGroup(matrices[0], plain)) == arithmetic.inputType)
    let other = configuration.arithmetic(quantizedProducts: .unpacked)
    #expect(other.inputType(of: LinearGroup(matrices[0])) == other.inputType)
  }

  /// What is no number in a row's inputs makes none of its outputs, and of no other's.
  @Test(arguments: InstructionSet.available)
  func whatIsNoNumberShows(_ set: InstructionSet) {
    for format in [WeightFormat.q8_0, .q4_1, .q6_K, .q2_K] {
      let weights = RandomBlocks.matrix(format, outputs: 33, inputs: 512, seed: 53)
      for special in [Float.nan, .infinity, -.infinity] {
        var values = normalNumbers(3 * 512, seed: 54)
        values[512 + 300] = special
        let expected = ReferenceInt8.multiply(weights, inputs: values)
        let rows = Int8Rows(values, columns: 512, table(of: set))
        var output = [Float](repeating: 0, count: 3 * 33)
        Self.arithmetic(set, .fp32, threads: 1).multiply(
          weights, inputs: rows.inputs, tokens: 3, outputs: &output, outputStride: 33)
        #expect(output[33..<66].allSatisfy { $0.isNaN }, "\(format), \(special)")
        for row in [0, 2] {
          let part = 33 * row..<33 * (row + 1)
          #expect(bits(Array(output[part])) == bits(Array(expected[part])), "\(format), \(special)")
        }
      }
    }
  }
}
