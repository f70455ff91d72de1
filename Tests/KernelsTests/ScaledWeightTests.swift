import CKernels
import Kernels
import TestSupport
import Testing

/// Weights in FP8 with scales, against the same weights in the precision's own format: whose products
/// `LinearTests` compares with their definition.
struct ScaledWeightTests {
  private static func table(_ set: InstructionSet) -> rf_kernel_table {
    rf_kernel_table_for(rf_instruction_set(UInt32(InstructionSet.allCases.firstIndex(of: set)!)))
  }

  /// All 256, in rows of any length at any address, and nothing is written behind them.
  @Test(arguments: InstructionSet.available)
  func codesAreUnpackedAsTheyAreDefined(_ set: InstructionSet) {
    let table = Self.table(set)
    let codes = (0...255).map { UInt8($0) }
    for (code, number): (Int, Float) in [
      (0, 0), (1, 0x1p-9), (7, 0x7p-9), (8, 0x1p-6), (0x38, 1), (0x3f, 1.875), (0x7e, 448),
      (0xb8, -1), (0xfe, -448),
    ] {
      #expect(Float8.numbers[code] == number)
    }
    #expect(bits(WeightFormat.fp8E4M3.floats(at: codes, count: 256)) == bits(Float8.numbers))
    for scale: Float in [1, 0, 0.0123, 1e-38, 3e35] {
      for (first, count) in [(0, 256), (1, 255), (3, 16), (100, 31), (120, 9), (255, 1)] {
        let expected = Float8.numbers[first..<first + count].map { $0 * scale }
        var floats = [Float](repeating: 7, count: count + 16)
        var halves = [UInt16](repeating: 7, count: count + 16)
        codes.withUnsafeBytes { codes in
          table.unpack_e4m3_float32(codes.baseAddress! + first, count, scale, &floats)
          table.unpack_e4m3_bf16(codes.baseAddress! + first, count, scale, &halves)
        }
        let label: Comment = "\(count) from \(first), scale \(scale)"
        for index in 0..<count {
          let (number, half) = (expected[index], BFloat16(bitPattern: halves[index]).float)
          guard !number.isNaN else {
            #expect(floats[index].isNaN && half.isNaN, label)
            continue
          }
          #expect(floats[index].bitPattern == number.bitPattern, label)
          #expect(half.bitPattern == BFloat16(number).float.bitPattern, label)
        }
        #expect(floats[count...].allSatisfy { $0 == 7 } && halves[count...].allSatisfy { $0 == 7 })
      }
    }
  }

  /// A matrix in both forms.
  private final class Pair {
    let scaled: WeightMatrix
    let plain: WeightMatrix

    init(_ matrix: ScaledMatrix, _ precision: Precision, hasBias: Bool) {
      let format: WeightFormat = precision == .bf16 ? .bfloat16 : .float32
      let codes = AlignedBuffer<UInt8>(count: matrix.codes.count)
      let weights = AlignedBuffer<UInt8>(count: matrix.codes.count * format.bytesPerBlock)
      for (index, weight) in matrix.weights.enumerated() {
        codes.pointer[index] = matrix.codes[index]
        let raw = UnsafeMutableRawPointer(weights.pointer)
        if precision == .bf16 {
          raw.storeBytes(of: BFloat16(weight).bitPattern, toByteOffset: 2 * index, as: UInt16.self)
        } else {
          raw.storeBytes(of: weight, toByteOffset: 4 * index, as: Float.self)
        }
      }
      let bias = hasBias ? normalNumbers(matrix.rows, seed: 12) : []
      scaled = WeightMatrix(
        outputs: matrix.rows, inputs: matrix.inputs, format: .fp8E4M3,
        elements: UnsafeRawPointer(codes.pointer), bias: bias, scales: matrix.weightScales,
        owner: Owner(codes))
      plain = WeightMatrix(
        outputs: matrix.rows, inputs: matrix.inputs, format: format,
        elements: UnsafeRawPointer(weights.pointer), bias: bias, owner: Owner(weights))
    }

    init(slicing pair: Pair, _ rows: Range<Int>) {
      scaled = pair.scaled.rows(rows)
      plain = pair.plain.rows(rows)
    }

    private final class Owner {
      let memory: AlignedBuffer<UInt8>
      init(_ memory: consuming AlignedBuffer<UInt8>) { self.memory = memory }
    }
  }

  /// Scales of blocks, of rows, of the whole matrix, of blocks of odd sizes.
  private static func matrices(_ outputs: Int, _ inputs: Int) -> [ScaledMatrix] {
    let weights = normalNumbers(outputs * inputs, seed: 11).enumerated().map { index, weight in
      weight * Float(1 + index % 7 * index % 11)
    }
    return [(128, 128), (1, inputs), (outputs, inputs), (5, 7)].map { rows, columns in
      ScaledMatrix(
        weights, rows: outputs, inputs: inputs, rowsPerScale: rows, inputsPerScale: columns)
    }
  }

  /// Made once for all configurations.
  private static let matrices = [1, 2, 31, 127, 128, 129, 300].flatMap { inputs in
    [1, 33, 130, 300].flatMap { matrices($0, inputs) }
  }

  private func expectSameProducts(_ pair: Pair, _ arithmetic: Arithmetic, _ label: String) {
    let (outputs, columns) = (pair.plain.outputs, pair.plain.inputs)
    for tokens in [1, 7, 257] {
      let inputs = MatrixInput(
        arithmetic, normalNumbers(tokens * columns, seed: 13), columns: columns, filling: 1000)
      func products(_ weights: WeightMatrix) -> [UInt32] {
        var output = [Float](repeating: 7.5, count: tokens * outputs)
        arithmetic.multiply(
          weights, inputs: inputs.pointer, tokens: tokens, outputs: &output, outputStride: outputs,
          accumulate: true)
        return bits(output)
      }
      #expect(products(pair.scaled) == products(pair.plain), "\(label), \(tokens) tokens")
    }
    for rows in [1, 2, 5, 13] {
      let inputs = MatrixInput(
        arithmetic, normalNumbers(rows * columns, seed: 13), columns: columns, filling: 1000)
      for range in [0..<outputs, outputs / 3..<outputs - outputs / 4] {
        func products(_ weights: WeightMatrix) -> [UInt32] {
          var output = [Float](repeating: .nan, count: rows * range.count)
          arithmetic.multiplyRows(
            weights, range: range, inputs: inputs.pointer, rows: rows, outputs: &output)
          return bits(output)
        }
        #expect(
          products(pair.scaled) == products(pair.plain), "\(label), \(rows) rows, outputs \(range)")
      }
    }
    for row in Set([0, outputs / 2, outputs - 1]) {
      func widened(_ weights: WeightMatrix) -> [UInt32] {
        var output = [Float](repeating: .nan, count: columns)
        arithmetic.widen(row: row, of: weights, into: &output)
        return bits(output)
      }
      #expect(widened(pair.scaled) == widened(pair.plain), "\(label), row \(row)")
    }
  }

  @Test(arguments: Configuration.all)
  func productsAreThoseOfTheUnpackedWeights(_ configuration: Configuration) {
    let arithmetics = (1...3).map { configuration.arithmetic(threads: $0) }
    for (index, matrix) in Self.matrices.enumerated() {
      expectSameProducts(
        Pair(matrix, configuration.precision, hasBias: index % 2 == 0), arithmetics[index % 3],
        "\(matrix.inputs) inputs, \(matrix.rows) outputs, scales of \(matrix.rowsPerScale) x "
          + "\(matrix.inputsPerScale)")
    }
  }

  /// Parts of fused matrices begin inside a block of scales; parts of parts, too.
  @Test(arguments: Configuration.all)
  func slicesHaveTheirScales(_ configuration: Configuration) {
    let arithmetic = configuration.arithmetic(threads: 2)
    for matrix in Self.matrices where matrix.inputs == 129 && matrix.rows == 300 {
      let whole = Pair(matrix, configuration.precision, hasBias: true)
      for range in [0..<1, 100..<230, 127..<129, 130..<300] {
        let label = "scales of \(matrix.rowsPerScale) rows, rows \(range)"
        let part = Pair(slicing: whole, range)
        expectSameProducts(part, arithmetic, label)
        let middle = range.count / 3..<range.count - range.count / 3
        expectSameProducts(Pair(slicing: part, middle), arithmetic, "\(label), of it \(middle)")
      }
    }
  }

  /// Such a matrix may stand in one group with others, and never makes it one of int8.
  @Test func aGroupMayHaveOthersBesides() {
    let arithmetic = Configuration(instructionSet: .portable, precision: .bf16).arithmetic()
    let pair = Pair(Self.matrices(33, 128)[0], .bf16, hasBias: false)
    #expect(arithmetic.inputType(of: LinearGroup(pair.scaled, pair.plain)) == arithmetic.inputType)
    #expect(pair.scaled.bytes == 33 * 128 && pair.plain.bytes == 2 * pair.scaled.bytes)
    #expect(WeightFormat.all.filter(\.isScaled) == [.fp8E4M3])
  }
}
