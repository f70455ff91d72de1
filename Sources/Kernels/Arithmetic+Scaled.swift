import CKernels

// Weights that have scales. Goals, in this order: an output has the bits that it has where the same
// weights, scale times number, lie in a file of the precision's own format; speed; memory.
//
// So rows are unpacked to that format, rounded to float32 and in bf16 precision to bfloat16, as they
// are needed, and what multiplies that format multiplies them: a panel of them, or a few rows.

extension Arithmetic {
  /// What rows are unpacked to.
  var unpackedFormat: WeightFormat { precision == .bf16 ? .bfloat16 : .float32 }

  /// Inputs of a panel that are unpacked at a time: even, and rows of them stay in the first-level
  /// cache.
  private static let inputsAtOnce = 128

  /// What a panel's rows take that are unpacked at a time.
  static let scaledScratchBytes = inputsAtOnce * Int(RF_PANEL_COLUMNS) * MemoryLayout<Float>.stride

  /// Some of a row's inputs in the format that they are unpacked to.
  func unpack(
    _ weights: WeightMatrix, row: Int, inputs: Range<Int>, into output: UnsafeMutableRawPointer
  ) {
    let codes = weights.row(row)
    let unpack = precision == .bf16 ? table.unpack_e4m3_bf16! : table.unpack_e4m3_float32!
    let bytes = precision == .bf16 ? 2 : 4
    weights.scales!.forEachRun(ofRow: row, in: inputs) { run, scale in
      unpack(
        codes + run.lowerBound, run.count, scale,
        output + (run.lowerBound - inputs.lowerBound) * bytes)
    }
  }

  /// One row as float32, with the values that are multiplied.
  func unpackScaled(
    row: Int, of weights: WeightMatrix, into output: UnsafeMutablePointer<Float>
  ) {
    let codes = weights.row(row)
    weights.scales!.forEachRun(ofRow: row, in: 0..<weights.inputs) { run, scale in
      table.unpack_e4m3_float32(
        codes + run.lowerBound, run.count, scale, output + run.lowerBound)
    }
    if precision == .bf16 { table.f32bf16.round(output, weights.inputs, output) }
  }

  /// A panel of up to 32 rows.
  ///
  /// - Parameters:
  ///   - panel: takes `[inputs][32]` matrix input.
  ///   - rows: room for `scaledScratchBytes`.
  func packScaled(
    _ weights: WeightMatrix, outputs: Range<Int>, into panel: UnsafeMutableRawPointer,
    rows: UnsafeMutableRawPointer
  ) {
    let format = unpackedFormat
    let pack = format.kernels!(self).pack!
    for first in stride(from: 0, to: weights.inputs, by: Self.inputsAtOnce) {
      let inputs = first..<min(first + Self.inputsAtOnce, weights.inputs)
      let rowBytes = format.rowBytes(inputs: inputs.count)
      for output in outputs {
        unpack(
          weights, row: output, inputs: inputs,
          into: rows + (output - outputs.lowerBound) * rowBytes)
      }
      pack(
        rows, outputs.count, inputs.count,
        panel + first * Int(RF_PANEL_COLUMNS) * inputType.bytes)
    }
  }

  /// Dot products with rows that are unpacked a few at a time: of one input as many as a microkernel
  /// reads side by side, of several as many as one of them takes at most, which read them from the
  /// cache.
  func multiplyScaled(
    _ weights: WeightMatrix, outputs: Range<Int>, _ call: RowsOfPart,
    into destination: UnsafeMutablePointer<Float>, thread: Int
  ) {
    let format = unpackedFormat
    let rowBytes = format.rowBytes(inputs: weights.inputs)
    let rows = scratch(of: thread)
    let atOnce = call.rows > 1 ? 12 : 4
    for first in stride(from: outputs.lowerBound, to: outputs.upperBound, by: atOnce) {
      let range = first..<min(first + atOnce, outputs.upperBound)
      rf_prefetch(weights.row(range.upperBound), range.count * weights.rowBytes)
      for output in range {
        unpack(
          weights, row: output, inputs: 0..<weights.inputs, into: rows + (output - first) * rowBytes
        )
      }
      multiplyDots(
        (UnsafeRawPointer(rows), format), outputs: range.count, inputs: weights.inputs, call,
        into: destination + (first - outputs.lowerBound))
    }
  }
}
