import CKernels

/// Operations on single rows, in float32, whose result is a matrix input.
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
    let stride = Self.inputStride(columns: columns) * inputType.bytes
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

  /// SwiGLU (Shazeer 2020): `silu(gate) * up` for each row.
  ///
  /// - Parameters:
  ///   - gate: `[rows][columns]` float32, as `up`.
  ///   - output: `[rows][inputStride(columns)]` matrix input.
  public func swiGLU(
    gate: UnsafePointer<Float>, up: UnsafePointer<Float>, rows: Int, columns: Int,
    into output: UnsafeMutableRawPointer
  ) {
    let stride = Self.inputStride(columns: columns) * inputType.bytes
    let perItem = 16
    team.forEach((rows + perItem - 1) / perItem) { item, _ in
      for row in item * perItem..<min(rows, (item + 1) * perItem) {
        inputKernels.swiglu(
          gate + row * columns, up + row * columns, columns, output + row * stride)
      }
    }
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
    switch weights.precision {
    case .bf16:
      let elements = weights.elements.assumingMemoryBound(to: UInt16.self)
      table.widen(elements + row * weights.inputs, weights.inputs, output)
    case .fp32:
      let elements = weights.elements.assumingMemoryBound(to: Float.self)
      output.update(from: elements + row * weights.inputs, count: weights.inputs)
    }
  }
}
