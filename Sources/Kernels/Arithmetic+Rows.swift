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

  /// RMSNorm of each row in place, in float32, by the calling thread: per-head norms of queries and
  /// keys.
  ///
  /// - Parameters:
  ///   - x: `[rows][columns]` float32.
  ///   - weight: `[columns]`.
  public func rmsNormInPlace(
    _ x: UnsafeMutablePointer<Float>, rows: Int, columns: Int, weight: [Float], epsilon: Float
  ) {
    weight.withUnsafeBufferPointer { weight in
      for row in 0..<rows {
        let x = x + row * columns
        table.float32.rms_norm(x, weight.baseAddress!, columns, epsilon, x)
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
    let perItem = 16
    team.forEach((rows + perItem - 1) / perItem) { item, _ in
      for row in item * perItem..<min(rows, (item + 1) * perItem) {
        let (x, stream) = (x + row * columns, stream + row * columns)
        rmsNormInPlace(x, rows: 1, columns: columns, weight: weight, epsilon: epsilon)
        for column in 0..<columns { stream[column] += x[column] }
      }
    }
  }

  /// A gated linear unit: `activation(gate) * up` for each row.
  ///
  /// - Parameters:
  ///   - gate: `[rows][columns]` float32, as `up`.
  ///   - output: `[rows][inputStride(columns)]` matrix input.
  public func activate(
    _ activation: GatedActivation, gate: UnsafePointer<Float>, up: UnsafePointer<Float>, rows: Int,
    columns: Int, into output: UnsafeMutableRawPointer
  ) {
    let stride = Self.inputStride(columns: columns) * inputType.bytes
    let perItem = 16
    let kernel: rf_gated_function
    switch activation {
    case .swiGLU: kernel = inputKernels.swiglu
    case .geGLU: kernel = inputKernels.geglu
    }
    team.forEach((rows + perItem - 1) / perItem) { item, _ in
      for row in item * perItem..<min(rows, (item + 1) * perItem) {
        kernel(gate + row * columns, up + row * columns, columns, output + row * stride)
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
