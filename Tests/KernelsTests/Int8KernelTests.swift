import CKernels
import Kernels
import TestSupport
import Testing

/// Every kernel of int8 products that this CPU can run, also those that another one replaces on it, has
/// the bits of the plain twin.
struct Int8KernelTests {
  static let tables: [(name: String, set: InstructionSet, hasDotProducts: Bool)] =
    InstructionSet.available.flatMap { set in
      [(set.rawValue, set, true), ("\(set.rawValue) without int8 dot products", set, false)]
    }

  /// One format for each kernel.
  @Test(arguments: [WeightFormat.q8_0, .q4_1, .q6_K, .q2_K])
  func productsAreThoseOfTheTwin(_ format: WeightFormat) {
    let (inputs, most) = (768, 13)
    let weights = RandomBlocks.matrix(format, outputs: 32, inputs: inputs, seed: 60)
    let values = normalNumbers(most * inputs, seed: 61)
    let (bias, before) = (normalNumbers(32, seed: 62), normalNumbers(most * 40, seed: 63))
    let twin = ReferenceInt8.multiply(weights, inputs: values)
    for (name, set, hasDotProducts) in Self.tables {
      let table = hasDotProducts ? table(of: set) : tableWithoutInt8DotProducts(of: set)
      let problem = Problem(weights, values, table)
      for rows in 1...most {
        for columns in [1, 15, 16, 17, 31, 32] {
          for hasBias in [false, true] {
            let label: Comment = "\(name), \(rows) rows, \(columns) columns, bias \(hasBias)"
            func expected(accumulate: Bool) -> [Float] {
              (0..<rows * 40).map { index in
                let (row, column) = index.quotientAndRemainder(dividingBy: 40)
                guard column < columns else { return before[index] }
                let sum = twin[row * 32 + column]
                let product = hasBias ? sum + bias[column] : sum
                return accumulate ? product + before[index] : product
              }
            }
            for accumulate in [false, true] {
              var output = before
              problem.multiply(
                [24], rows: rows, columns: columns, bias: hasBias ? bias : [],
                accumulate: accumulate, &output)
              #expect(
                bits(Array(output[..<(rows * 40)])) == bits(expected(accumulate: accumulate)),
                label)
              #expect(bits(Array(output[(rows * 40)...])) == bits(Array(before[(rows * 40)...])))
            }
            // In pieces, of which each goes on with the sums of the one before it.
            var output = before
            problem.multiply(
              [8, 16], rows: rows, columns: columns, bias: hasBias ? bias : [], accumulate: false,
              &output)
            #expect(
              bits(Array(output[..<(rows * 40)])) == bits(expected(accumulate: false)), label)
          }
        }
      }
    }
  }

  /// One row with weights as they lie, of rows of any number of blocks, and nothing behind them is read.
  @Test(arguments: WeightFormat.quantized)
  func dotProductsAreThoseOfTheTwin(_ format: WeightFormat) {
    for blocks in [1, 2, 3, 4, 5, 7, 8, 9, 18, 40] {
      let inputs = blocks * format.elementsPerBlock
      let random = RandomBlocks.matrix(format, outputs: 32, inputs: inputs, seed: 70)
      let memory = GuardedMemory(
        Array(UnsafeRawBufferPointer(start: random.elements, count: 32 * random.rowBytes)))
      let weights = WeightMatrix(
        outputs: 32, inputs: inputs, format: format, elements: memory.start, owner: memory)
      let values = normalNumbers(inputs, seed: 71)
      let twin = ReferenceInt8.multiply(weights, inputs: values)
      let panel = BlockPanel(format, inputs: format.elementsPerBlock)
      for (name, set, hasDotProducts) in Self.tables {
        let table = hasDotProducts ? table(of: set) : tableWithoutInt8DotProducts(of: set)
        guard let dot = panel.kernels(table.formats).dot else { continue }
        let row = Int8Rows(values, columns: inputs, table)
        var output = [Float](repeating: 3, count: 36)
        dot(
          weights.elements, weights.rowBytes, blocks, 1, weights.elements, row.quants(0), &output)
        #expect(bits(Array(output[..<32])) == bits(twin), "\(name), \(blocks) blocks")
        #expect(output[32...].allSatisfy { $0 == 3 }, "written behind the outputs")
      }
    }
  }

  /// A packed panel and rows of inputs.
  private struct Problem {
    let panel: BlockPanel
    let rows: Int8Rows
    let matrix: rf_int8_matrix_function

    init(_ weights: WeightMatrix, _ values: [Float], _ table: rf_kernel_table) {
      panel = BlockPanel(weights.format, inputs: weights.inputs)
      panel.kernels(table.formats).pack(
        weights.elements, weights.rowBytes, weights.outputs,
        weights.inputs / weights.format.elementsPerBlock, weights.elements, panel.bytes)
      rows = Int8Rows(values, columns: weights.inputs, table)
      matrix =
        switch (panel.parts, panel.hasMinimums) {
        case (1, false): table.matrix_s8g32
        case (1, true): table.matrix_s8g32m
        case (_, false): table.matrix_s8g16
        case (_, true): table.matrix_s8g16m
        }
    }

    /// - Parameters:
    ///   - pieces: how many groups are multiplied at a time; the bias comes with the last ones.
    ///   - output: `[rows][40]`
    func multiply(
      _ pieces: [Int], rows: Int, columns: Int, bias: [Float], accumulate: Bool,
      _ output: inout [Float]
    ) {
      var first = 0
      for groups in pieces {
        var product = rf_int8_product()
        product.rows = rows
        product.group_count = groups
        product.inputs = self.rows.quants(0) + 32 * first
        product.groups = self.rows.groups(0) + first
        product.stride = self.rows.rowBytes
        product.panel = UnsafeRawPointer(panel.bytes + first * panel.groupBytes)
        product.output_stride = 40
        product.columns = columns
        product.continues = first > 0
        product.accumulate = accumulate
        first += groups
        bias.withUnsafeBufferPointer { bias in
          output.withUnsafeMutableBufferPointer { output in
            product.bias = first == panel.groups ? bias.baseAddress : nil
            if bias.isEmpty { product.bias = nil }
            product.outputs = output.baseAddress
            matrix(&product)
          }
        }
      }
      precondition(first == panel.groups)
    }
  }
}
