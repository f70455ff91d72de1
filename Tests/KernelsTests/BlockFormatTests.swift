import CKernels
import Kernels
import TestSupport
import Testing

/// What blocks of small integers stand for, against another implementation, to the last bit; and that
/// nothing behind a row is read.
struct BlockFormatTests {
  /// The twin that products are compared with.
  @Test(arguments: WeightFormat.quantized)
  func theTwinKnowsTheFormat(_ format: WeightFormat) throws {
    let fixture = try BlockFixture(format)
    let (matrix, numbers) = fixture.rows(1, blocks: fixture.count)
    #expect(bits(matrix.blocks(ofRow: 0).flatMap(\.floats)) == bits(numbers[0]))
  }

  /// Rows of any number of blocks, at any address.
  @Test(arguments: WeightFormat.quantized)
  func rowsAreUnpacked(_ format: WeightFormat) throws {
    let fixture = try BlockFixture(format)
    for blocks in [1, 2, 7, 8, 9, 40] {
      let (matrix, numbers) = fixture.rows(3, blocks: blocks)
      for row in 0..<3 {
        let floats = format.floats(at: matrix.row(row), count: matrix.inputs)
        #expect(bits(floats) == bits(numbers[row]), "\(blocks) blocks, row \(row)")
        for set in InstructionSet.available {
          let arithmetic = Configuration(instructionSet: set, precision: .bf16).arithmetic()
          var output = [Float](repeating: 3, count: matrix.inputs + 4)
          arithmetic.widen(row: row, of: matrix, into: &output)
          #expect(
            bits(Array(output.dropLast(4))) == bits(numbers[row]),
            "\(set), \(blocks) blocks, row \(row)")
          #expect(output.suffix(4).allSatisfy { $0 == 3 }, "written behind the columns")
        }
      }
    }
  }

  /// Panels of any number of rows, in every type of matrix input.
  @Test(arguments: WeightFormat.quantized)
  func panelsAreUnpacked(_ format: WeightFormat) throws {
    let fixture = try BlockFixture(format)
    for set in InstructionSet.available {
      let table = table(of: set)
      for (rows, blocks) in [(1, 1), (2, 3), (15, 1), (16, 2), (17, 1), (31, 1), (32, 17), (32, 1)]
      {
        let (matrix, numbers) = fixture.rows(rows, blocks: blocks)
        let panel = packed(matrix, table)
        let label = "\(set), \(rows) rows of \(blocks) blocks"
        let exact = unpacked(panel, table.float32.unpack, Float.self, matrix.inputs)
        expect(numbers, "float32, \(label)") { exact[32 * $1 + $0] }

        let rounded = numbers.map { $0.map { BFloat16($0).float } }
        let singles = unpacked(panel, table.f32bf16.unpack, Float.self, matrix.inputs)
        expect(rounded, "float32 of bf16, \(label)") { singles[32 * $1 + $0] }

        guard let unpack = table.bf16.unpack else { continue }
        let pairs = unpacked(panel, unpack, BFloat16.self, matrix.inputs)
        expect(rounded, "bf16, \(label)") { pairs[64 * ($1 / 2) + 2 * $0 + $1 % 2].float }
      }
    }
  }

  /// A panel of int8, filled with what is there before it where the matrix has no rows.
  private func packed(_ matrix: WeightMatrix, _ table: rf_kernel_table) -> BlockPanel {
    let panel = BlockPanel(matrix.format, inputs: matrix.inputs)
    panel.kernels(table.formats).pack(
      matrix.elements, matrix.rowBytes, matrix.outputs,
      matrix.inputs / matrix.format.elementsPerBlock, matrix.elements, panel.bytes)
    return panel
  }

  private func unpacked<Element: BitwiseCopyable>(
    _ panel: BlockPanel, _ unpack: rf_unpack_panel_function, _ type: Element.Type, _ inputs: Int
  ) -> [Element] {
    [Element](unsafeUninitializedCapacity: 32 * inputs) { elements, initialized in
      unpack(panel.bytes, inputs / 32, panel.parts, panel.hasMinimums, elements.baseAddress!)
      initialized = 32 * inputs
    }
  }

  private func expect(
    _ numbers: [[Float]], _ label: String, element: (_ row: Int, _ input: Int) -> Float
  ) {
    for (row, numbers) in numbers.enumerated() {
      for (input, number) in numbers.enumerated()
      where element(row, input).bitPattern != number.bitPattern {
        Issue.record(
          "\(label): row \(row), input \(input) is \(element(row, input)), not \(number)")
        return
      }
    }
  }
}
