import Kernels

/// Rows of matrix input, uniform between −1 and 1.
final class RandomInputs {
  /// `[rows][inputStride(columns)]` matrix input.
  private let memory: AlignedBuffer<UInt8>
  private let rowBytes: Int

  init(rows: Int, columns: Int, _ arithmetic: Arithmetic) {
    rowBytes = arithmetic.inputRowBytes(columns: columns)
    memory = AlignedBuffer(count: rows * rowBytes)
    var generator = SplitMix64(seed: 0)
    var values = [Float](repeating: 0, count: columns)
    for row in 0..<rows {
      for column in 0..<columns { values[column] = Float(generator.nextUniform() * 2 - 1) }
      arithmetic.round(values, count: columns, into: memory.pointer + row * rowBytes)
    }
  }

  func row(_ index: Int) -> UnsafeRawPointer {
    UnsafeRawPointer(memory.pointer + index * rowBytes)
  }
}
