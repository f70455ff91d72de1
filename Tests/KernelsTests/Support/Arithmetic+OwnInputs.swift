import Kernels

/// The operations of linear layers with matrix inputs of the arithmetic's own type.
extension Arithmetic {
  func rmsNorm(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, weight: [Float], epsilon: Float,
    into output: UnsafeMutableRawPointer
  ) {
    rmsNorm(
      x, rows: rows, columns: columns, weight: weight, epsilon: epsilon, into: output, as: inputType
    )
  }

  func activate(
    _ activation: GatedActivation, gateAndUp: UnsafePointer<Float>, rows: Int, columns: Int,
    into output: UnsafeMutableRawPointer
  ) {
    activate(
      activation, gateAndUp: gateAndUp, rows: rows, columns: columns, into: output, as: inputType)
  }

  func multiply(
    _ weights: WeightMatrix, inputs: UnsafeRawPointer, tokens: Int,
    outputs: UnsafeMutablePointer<Float>, outputStride: Int, accumulate: Bool = false
  ) {
    multiply(
      weights, inputs: MatrixInputs(inputs, inputType), tokens: tokens, outputs: outputs,
      outputStride: outputStride, accumulate: accumulate)
  }

  /// Of one matrix, into `[rows][range.count]`.
  func multiplyRows(
    _ weights: WeightMatrix, range: Range<Int>, inputs: UnsafeRawPointer, rows: Int,
    outputs: UnsafeMutablePointer<Float>
  ) {
    multiplyRows(
      LinearGroup(weights), range: range, inputs: MatrixInputs(inputs, inputType), rows: rows,
      outputs: outputs, outputStride: range.count)
  }
}
