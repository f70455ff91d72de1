import CKernels
import Kernels
import TestSupport

/// Rows of inputs of int8, as `CKernels.h` describes them.
final class Int8Rows {
  let rows: Int
  let columns: Int
  private let memory: AlignedBuffer<UInt8>

  /// Rows that something is to write; every byte is 3.
  init(rows: Int, columns: Int) {
    self.rows = rows
    self.columns = columns
    memory = AlignedBuffer(count: rows * InputType.int8.rowBytes(columns: columns))
    for index in 0..<memory.count { memory.pointer[index] = 3 }
  }

  /// Rounds `[rows][columns]`.
  convenience init(_ values: [Float], columns: Int, _ table: rf_kernel_table) {
    self.init(rows: values.count / columns, columns: columns)
    values.withUnsafeBufferPointer { values in
      for row in 0..<rows {
        table.quantize(values.baseAddress! + row * columns, columns, self.row(row))
      }
    }
  }

  var groups: Int { (columns + 31) / 32 }
  var rowBytes: Int { InputType.int8.rowBytes(columns: columns) }
  var inputs: MatrixInputs { MatrixInputs(row(0), .int8) }

  func row(_ row: Int) -> UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(memory.pointer) + row * rowBytes
  }

  func quants(_ row: Int) -> UnsafePointer<Int8> {
    UnsafePointer(self.row(row).assumingMemoryBound(to: Int8.self))
  }

  func groups(_ row: Int) -> UnsafePointer<rf_int8_group> {
    UnsafePointer((self.row(row) + 32 * groups).assumingMemoryBound(to: rf_int8_group.self))
  }

  /// What is wrong with the first row that is not what the twin makes of `[rows][columns]`, or that has
  /// something behind it; nil if nothing is.
  func fault(against values: [Float]) -> String? {
    for row in 0..<rows {
      let expected = ReferenceInt8.quantized(values[row * columns..<(row + 1) * columns])
      for (place, group) in expected.enumerated() {
        let quants = (0..<32).map { Int32(self.quants(row)[32 * place + $0]) }
        let found = groups(row)[place]
        let halves = [quants[..<16].reduce(0, +), quants[16...].reduce(0, +)]
        func isSame(_ a: Float, _ b: Float) -> Bool { a == b || a.isNaN && b.isNaN }
        guard quants == group.quants, isSame(found.scale, group.scale),
          found.start == -128 * (halves[0] + halves[1]),
          found.starts.0 == -128 * halves[0], found.starts.1 == -128 * halves[1],
          isSame(found.sum, group.scale * Float(halves[0] + halves[1])),
          isSame(found.sums.0, group.scale * Float(halves[0])),
          isSame(found.sums.1, group.scale * Float(halves[1]))
        else { return "row \(row), group \(place): \(quants), \(found), not \(group)" }
      }
      let behind = UnsafeRawBufferPointer(
        start: self.row(row) + 64 * groups, count: rowBytes - 64 * groups)
      guard behind.allSatisfy({ $0 == 3 }) else { return "row \(row): written behind it" }
    }
    return nil
  }
}
