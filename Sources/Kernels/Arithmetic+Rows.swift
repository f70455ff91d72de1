import CKernels

/// Operations on single rows, in float32; most results are matrix inputs.
extension Arithmetic {
  /// RMSNorm (Zhang and Sennrich 2019): `x / sqrt(mean(x²) + epsilon) * weight` for each row.
  ///
  /// - Parameters:
  ///   - x: `[rows][columns]` float32.
  ///   - weight: `[columns]`.
  ///   - output: takes rows of the type, the arithmetic's own or int8.
  public func rmsNorm(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, weight: [Float], epsilon: Float,
    into output: UnsafeMutableRawPointer, as type: InputType
  ) {
    let stride = type.rowBytes(columns: columns)
    if type == .int8 { reserveScratch(bytes: columns * 4) }
    weight.withUnsafeBufferPointer { weight in
      let weight = weight.baseAddress!
      let perItem = 16
      team.forEach((rows + perItem - 1) / perItem) { item, thread in
        for row in item * perItem..<min(rows, (item + 1) * perItem) {
          let (x, output) = (x + row * columns, output + row * stride)
          guard type == .int8 else {
            inputKernels.rms_norm(x, weight, columns, epsilon, output)
            continue
          }
          let floats = scratch(of: thread).assumingMemoryBound(to: Float.self)
          table.float32.rms_norm(x, weight, columns, epsilon, floats)
          table.quantize(floats, columns, output)
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

  /// RMSNorm of each row in place, in float32.
  ///
  /// - Parameters:
  ///   - x: `[rows][columns]` float32.
  ///   - weight: `[columns]`.
  public func normalizeRows(
    _ x: UnsafeMutablePointer<Float>, rows: Int, columns: Int, weight: [Float], epsilon: Float
  ) {
    let perItem = 16
    team.forEach((rows + perItem - 1) / perItem) { item, _ in
      let first = item * perItem
      normalizeHeads(
        x + first * columns, count: min(perItem, rows - first), headDimension: columns,
        weight: weight, epsilon: epsilon)
    }
  }

  /// A gated linear unit of each row.
  ///
  /// - Parameters:
  ///   - gateAndUp: `[rows][2][columns]` float32, the gate before what it multiplies.
  ///   - output: takes rows of the type, the arithmetic's own or int8.
  public func activate(
    _ activation: GatedActivation, gateAndUp: UnsafePointer<Float>, rows: Int, columns: Int,
    into output: UnsafeMutableRawPointer, as type: InputType
  ) {
    let stride = type.rowBytes(columns: columns)
    reserveScratch(bytes: Self.activationScratchBytes(columns: columns))
    let perItem = 16
    let kernels = type == .int8 ? table.float32 : inputKernels
    let kernel: rf_gated_function
    switch activation {
    case .swiGLU, .clampedSwiGLU: kernel = kernels.swiglu
    case .geGLU: kernel = kernels.geglu
    }
    team.forEach((rows + perItem - 1) / perItem) { item, thread in
      for row in item * perItem..<min(rows, (item + 1) * perItem) {
        var gate = gateAndUp + 2 * row * columns
        let output = output + row * stride
        let floats = scratch(of: thread).assumingMemoryBound(to: Float.self)
        if case .clampedSwiGLU(let alpha, let limit) = activation {
          clamp(gate, columns: columns, alpha: alpha, limit: limit, into: floats + columns)
          gate = UnsafePointer(floats + columns)
        }
        guard type == .int8 else {
          kernel(gate, gate + columns, columns, output)
          continue
        }
        kernel(gate, gate + columns, columns, floats)
        table.quantize(floats, columns, output)
      }
    }
  }

  /// Bytes of scratch that `activate` needs on each thread: a row for int8, and gate and up clamped.
  static func activationScratchBytes(columns: Int) -> Int { 3 * columns * 4 }

  /// A row of `clampedSwiGLU` as SwiGLU wants it: α · min(gate, limit), and (clamp(up) + 1) / α.
  ///
  /// - Parameters:
  ///   - gateAndUp: `[2][columns]` float32.
  ///   - output: takes as much.
  private func clamp(
    _ gateAndUp: UnsafePointer<Float>, columns: Int, alpha: Float, limit: Float,
    into output: UnsafeMutablePointer<Float>
  ) {
    let inverse = 1 / alpha
    for column in 0..<columns {
      // Written so that what is not a number stays none.
      let (gate, up) = (gateAndUp[column], gateAndUp[columns + column])
      output[column] = alpha * (gate > limit ? limit : gate)
      let below = up > limit ? limit : up
      output[columns + column] = inverse * ((below < -limit ? -limit : below) + 1)
    }
  }

  /// Soft cap (Gemma 2 report, arXiv:2408.00118, section 2): `x = cap * tanh(x / cap)` in place.
  public func softCap(_ x: UnsafeMutablePointer<Float>, count: Int, cap: Float) {
    table.soft_cap(x, count, 1 / cap, cap)
  }

  /// One row rounded to the matrix input type, or to int8.
  public func round(
    _ x: UnsafePointer<Float>, count: Int, into output: UnsafeMutableRawPointer,
    as type: InputType? = nil
  ) {
    if type == .int8 {
      table.quantize(x, count, output)
    } else {
      inputKernels.round(x, count, output)
    }
  }

  /// One row of weights as float32: an embedding.
  public func widen(
    row: Int, of weights: WeightMatrix, into output: UnsafeMutablePointer<Float>
  ) {
    if weights.format.isScaled {
      unpackScaled(row: row, of: weights, into: output)
    } else {
      weights.format.unpackRow(weights.row(row), count: weights.inputs, into: output, with: table)
    }
  }
}
