import Kernels

/// Rows of matrix input, uniform between −1 and 1.
final class RandomInputs {
  /// `[rows]` of the type.
  private let memory: AlignedBuffer<UInt8>
  private let rowBytes: Int

  private let type: InputType

  init(rows: Int, columns: Int, as type: InputType, _ arithmetic: Arithmetic) {
    self.type = type
    rowBytes = type.rowBytes(columns: columns)
    memory = AlignedBuffer(count: rows * rowBytes)
    var generator = SplitMix64(seed: 0)
    var values = [Float](repeating: 0, count: columns)
    for row in 0..<rows {
      for column in 0..<columns { values[column] = Float(generator.nextUniform() * 2 - 1) }
      arithmetic.round(values, count: columns, into: memory.pointer + row * rowBytes, as: type)
    }
  }

  /// The rows from one on.
  func rows(from index: Int) -> MatrixInputs {
    MatrixInputs(memory.pointer + index * rowBytes, type)
  }
}
