import CKernels

/// Operations on single rows, in float32; most results are matrix inputs.
extension Arithmetic {
  /// RMSNorm (Zhang and Sennrich 2019): `x / sqrt(mean(x²) + epsilon) * weight` for each row.
  ///
  /// - Parameters:
  ///   - x: `[rows][columns]` float32.
  ///   - weight: `[columns]`.
  ///   - output: `[rows][inputStride(columns)]` matrix input.
  public func rmsNorm(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, weight: [Float], epsilon: Float,
    into output: UnsafeMutableRawPointer
  ) {
    let stride = inputRowBytes(columns: columns)
    weight.withUnsafeBufferPointer { weight in
      let weight = weight.baseAddress!
      let perItem = 16
      team.forEach((rows + perItem - 1) / perItem) { item, _ in
        for row in item * perItem..<min(rows, (item + 1) * perItem) {
          inputKernels.rms_norm(x + row * columns, weight, columns, epsilon, output + row * stride)
        }
      }
    }
  }

  /// Adds the RMSNorm of each row of `x` to `stream`; `x` is overwritten.
  ///
  /// - Parameters:
  ///   - x: `[rows][columns]` float32, as `stream`.
  ///   - weight: `[columns]`.
  public func addRMSNorm(
    _ x: UnsafeMutablePointer<Float>, rows: Int, columns: Int, weight: [Float], epsilon: Float,
    to stream: UnsafeMutablePointer<Float>
  ) {
    weight.withUnsafeBufferPointer { weight in
      let weight = weight.baseAddress!
      let perItem = 16
      team.forEach((rows + perItem - 1) / perItem) { item, _ in
        for row in item * perItem..<min(rows, (item + 1) * perItem) {
          let (x, stream) = (x + row * columns, stream + row * columns)
          table.float32.rms_norm(x, weight, columns, epsilon, x)
          for column in 0..<columns { stream[column] += x[column] }
        }
      }
    }
  }

  /// A gated linear unit: `activation(gate) * up` for each row.
  ///
  /// - Parameters:
  ///   - gateAndUp: `[rows][2][columns]` float32, the gate before what it multiplies.
  ///   - output: `[rows][inputStride(columns)]` matrix input.
  public func activate(
    _ activation: GatedActivation, gateAndUp: UnsafePointer<Float>, rows: Int, columns: Int,
    into output: UnsafeMutableRawPointer
  ) {
    let stride = inputRowBytes(columns: columns)
    let perItem = 16
    let kernel: rf_gated_function
    switch activation {
    case .swiGLU: kernel = inputKernels.swiglu
    case .geGLU: kernel = inputKernels.geglu
    }
    team.forEach((rows + perItem - 1) / perItem) { item, _ in
      for row in item * perItem..<min(rows, (item + 1) * perItem) {
        let gate = gateAndUp + 2 * row * columns
        kernel(gate, gate + columns, columns, output + row * stride)
      }
    }
  }

  /// Soft cap (Gemma 2 report, arXiv:2408.00118, section 2): `x = cap * tanh(x / cap)` in place.
  public func softCap(_ x: UnsafeMutablePointer<Float>, count: Int, cap: Float) {
    table.soft_cap(x, count, 1 / cap, cap)
  }

  /// One row rounded to the matrix input type.
  public func round(
    _ x: UnsafePointer<Float>, count: Int, into output: UnsafeMutableRawPointer
  ) {
    inputKernels.round(x, count, output)
  }

  /// One row of weights as float32: an embedding.
  public func widen(
    row: Int, of weights: WeightMatrix, into output: UnsafeMutablePointer<Float>
  ) {
    weights.format.unpackRow(weights.row(row), count: weights.inputs, into: output, with: table)
  }
}
