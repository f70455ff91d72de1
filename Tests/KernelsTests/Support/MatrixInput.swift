import Kernels

/// Rows of matrix input, `[rows][inputStride(columns)]` in the type that the arithmetic reads.
final class MatrixInput {
  let arithmetic: Arithmetic
  let rows: Int
  let columns: Int
  /// Elements from one row to the next.
  let stride: Int
  private let memory: AlignedBuffer<UInt8>

  /// All elements, those between the columns and the stride too, start as `filling`.
  init(
    _ arithmetic: Arithmetic, rows: Int, columns: Int, stride: Int? = nil, filling: Float = 0
  ) {
    self.arithmetic = arithmetic
    self.rows = rows
    self.columns = columns
    self.stride = stride ?? Arithmetic.inputStride(columns: columns)
    memory = AlignedBuffer(count: rows * self.stride * arithmetic.inputType.bytes)
    let all = [Float](repeating: filling, count: rows * self.stride)
    arithmetic.round(all, count: all.count, into: pointer)
  }

  /// Rounds `[rows][columns]` values.
  convenience init(
    _ arithmetic: Arithmetic, _ values: [Float], columns: Int, stride: Int? = nil,
    filling: Float = 0
  ) {
    self.init(
      arithmetic, rows: values.count / columns, columns: columns, stride: stride, filling: filling)
    values.withUnsafeBufferPointer { values in
      for row in 0..<rows {
        arithmetic.round(
          values.baseAddress! + row * columns, count: columns, into: self.row(row))
      }
    }
  }

  var pointer: UnsafeMutableRawPointer { UnsafeMutableRawPointer(memory.pointer) }

  func row(_ row: Int) -> UnsafeMutableRawPointer {
    pointer + row * stride * arithmetic.inputType.bytes
  }

  /// One element, exactly; `column` may lie in the padding.
  func element(_ row: Int, _ column: Int) -> Float {
    let index = row * stride + column
    return arithmetic.inputType == .bf16
      ? pointer.assumingMemoryBound(to: BFloat16.self)[index].float
      : pointer.assumingMemoryBound(to: Float.self)[index]
  }

  /// `[rows][columns]`, exactly.
  var values: [Float] {
    (0..<rows).flatMap { row in (0..<columns).map { element(row, $0) } }
  }

  /// `[rows][stride − columns]`.
  var padding: [Float] {
    (0..<rows).flatMap { row in (columns..<stride).map { element(row, $0) } }
  }
}

/// The bits of every element, so that a comparison tells −0 from 0 and a NaN equals itself.
func bits(_ values: [Float]) -> [UInt32] { values.map { $0.bitPattern } }
func bits(_ values: [Double]) -> [UInt64] { values.map { $0.bitPattern } }
