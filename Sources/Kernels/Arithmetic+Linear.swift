import CKernels
import COpenBLAS

// Linear layers. Goals, in this order: an output's bits follow from its token and its weights
// alone; speed; memory.
//
// Matrix-matrix (the context): an item is one panel of outputs for one block of 256 tokens. Its
// shape and alignment are those of the global sequence, so the same call is made wherever the block
// lives. With a bf16 dot product the panel is 64 weights' rows, packed to pairs [inputs /
// 2][64][2], and each output is one chain of sums over ascending inputs. Otherwise the panel is
// widened to float32 and OpenBLAS multiplies it.
//
// Rows (the prompt and generated tokens): every output is a dot product of its own with lanes along
// the inputs, so any division of outputs among ranks and threads, and any number of rows at once,
// gives the same bits.

extension Arithmetic {
  /// The tokens of one item: a KV block's.
  static let tokensPerItem = Int(RF_BLOCK_KEYS)

  /// How many outputs a panel has: 64 for the own microkernels; for OpenBLAS as many as widen to 4
  /// MB, at most 256.
  public static func outputsPerPanel(inputs: Int, inputType: InputType) -> Int {
    guard inputType != .bf16 else { return Int(RF_PANEL_COLUMNS) }
    return min(256, max(16, (1 << 20) / max(inputs, 1) / 16 * 16))
  }

  /// Bytes of scratch that `multiply` needs on each thread: one panel as the arithmetic reads it.
  public func linearScratchBytes(inputs: Int) -> Int {
    Self.outputsPerPanel(inputs: inputs, inputType: inputType)
      * Self.inputStride(columns: inputs) * inputType.bytes
  }

  /// `outputs[token][o] = bias[o] + Σ weights[o][i] * inputs[token][i]`, added to what is there
  /// where `accumulate` is set.
  ///
  /// - Parameters:
  ///   - inputs: `[tokens][inputStride(weights.inputs)]` matrix input; the first token begins a
  ///     block of the sequence. What lies behind a row's columns has no influence but must be
  ///     finite.
  ///   - outputs: `[tokens][outputStride]` float32, of which `weights.outputs` columns are written.
  public func multiply(
    _ weights: WeightMatrix, inputs: UnsafeRawPointer, tokens: Int,
    outputs: UnsafeMutablePointer<Float>, outputStride: Int, accumulate: Bool = false
  ) {
    let panel = Self.outputsPerPanel(inputs: weights.inputs, inputType: inputType)
    let panels = (weights.outputs + panel - 1) / panel
    let blocks = (tokens + Self.tokensPerItem - 1) / Self.tokensPerItem
    let inputStride = Self.inputStride(columns: weights.inputs)
    reserveScratch(bytes: linearScratchBytes(inputs: weights.inputs))
    weights.bias.withUnsafeBufferPointer { bias in
      // Panels run slowest, and a thread packs a panel only when it differs from the one it holds.
      var held = [Int](repeating: -1, count: team.threads)
      held.withUnsafeMutableBufferPointer { held in
        let held = held.baseAddress!
        team.forEach(panels * blocks) { item, thread in
          let first = item / blocks * panel
          let token = item % blocks * Self.tokensPerItem
          let tile = LinearTile(
            firstOutput: first, outputs: min(panel, weights.outputs - first),
            tokens: min(Self.tokensPerItem, tokens - token),
            inputs: inputs + token * inputStride * inputType.bytes, inputStride: inputStride,
            bias: bias.isEmpty ? nil : bias.baseAddress! + first,
            destination: outputs + token * outputStride + first, destinationStride: outputStride)
          let isNew = held[thread] != first
          held[thread] = first
          if inputType == .bf16 {
            multiplyPacked(weights, tile, pack: isNew, accumulate: accumulate, thread: thread)
          } else {
            multiplyWidened(weights, tile, widen: isNew, accumulate: accumulate, thread: thread)
          }
        }
      }
    }
  }

  private func multiplyPacked(
    _ weights: WeightMatrix, _ tile: LinearTile, pack: Bool, accumulate: Bool, thread: Int
  ) {
    precondition(weights.precision == .bf16, "bf16 precision takes bf16 weights")
    let packed = scratch(of: thread).assumingMemoryBound(to: UInt16.self)
    if pack {
      let rows = weights.elements.assumingMemoryBound(to: UInt16.self)
      table.pack_64(
        rows + tile.firstOutput * weights.inputs, tile.outputs, weights.inputs, packed)
    }
    let inputs = tile.inputs.assumingMemoryBound(to: UInt16.self)
    for row in stride(from: 0, to: tile.tokens, by: Int(RF_MICROTILE_ROWS)) {
      table.matrix_6x64(
        min(Int(RF_MICROTILE_ROWS), tile.tokens - row), (weights.inputs + 1) / 2,
        inputs + row * tile.inputStride, tile.inputStride, packed,
        tile.destination + row * tile.destinationStride, tile.destinationStride, tile.outputs,
        tile.bias, accumulate)
    }
  }

  private func multiplyWidened(
    _ weights: WeightMatrix, _ tile: LinearTile, widen: Bool, accumulate: Bool, thread: Int
  ) {
    let rows: UnsafePointer<Float>
    switch weights.precision {
    case .fp32:
      rows =
        weights.elements.assumingMemoryBound(to: Float.self) + tile.firstOutput * weights.inputs
    case .bf16:
      let widened = scratch(of: thread).assumingMemoryBound(to: Float.self)
      if widen {
        let elements = weights.elements.assumingMemoryBound(to: UInt16.self)
        table.widen(
          elements + tile.firstOutput * weights.inputs, tile.outputs * weights.inputs, widened)
      }
      rows = UnsafePointer(widened)
    }
    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasTrans, Int32(tile.tokens), Int32(tile.outputs),
      Int32(weights.inputs), 1, tile.inputs.assumingMemoryBound(to: Float.self),
      Int32(tile.inputStride), rows, Int32(weights.inputs), accumulate ? 1 : 0, tile.destination,
      Int32(tile.destinationStride))
    guard let bias = tile.bias else { return }
    for token in 0..<tile.tokens {
      let row = tile.destination + token * tile.destinationStride
      for output in 0..<tile.outputs { row[output] += bias[output] }
    }
  }

  /// The outputs `range` of a few rows; each output has the same bits for any range and any number
  /// of rows.
  ///
  /// - Parameters:
  ///   - inputs: `[rows][inputStride(weights.inputs)]` matrix input.
  ///   - outputs: `[rows][range.count]` float32.
  public func multiplyRows(
    _ weights: WeightMatrix, range: Range<Int>, inputs: UnsafeRawPointer, rows: Int,
    outputs: UnsafeMutablePointer<Float>
  ) {
    let dot = dotProducts(weights.precision)
    let rowBytes = Self.inputStride(columns: weights.inputs) * inputType.bytes
    let weightBytes = weights.inputs * weights.precision.bytes
    let perItem = 32
    weights.bias.withUnsafeBufferPointer { bias in
      // An empty array has an address too.
      let bias = bias.isEmpty ? nil : bias.baseAddress
      team.forEach((range.count + perItem - 1) / perItem) { item, _ in
        let end = min(range.count, (item + 1) * perItem)
        for output in stride(from: item * perItem, to: end, by: 4) {
          let count = min(4, end - output)
          let weight = range.lowerBound + output
          for row in 0..<rows {
            let destination = outputs + row * range.count + output
            dot(
              weights.elements + weight * weightBytes, count, weights.inputs,
              inputs + row * rowBytes, destination)
            guard let bias else { continue }
            for i in 0..<count { destination[i] += bias[weight + i] }
          }
        }
      }
    }
  }

  private func dotProducts(_ weights: Precision) -> rf_dot_4_function {
    switch (weights, inputType) {
    case (.bf16, .bf16): return table.dot_4_bf16_bf16
    case (.bf16, _): return table.dot_4_bf16_float32
    case (.fp32, .bf16): preconditionFailure("bf16 precision takes bf16 weights")
    case (.fp32, _): return table.dot_4_float32_float32
    }
  }
}

/// One panel of outputs for one block of tokens.
private struct LinearTile {
  let firstOutput: Int
  let outputs: Int
  let tokens: Int
  let inputs: UnsafeRawPointer
  let inputStride: Int
  let bias: UnsafePointer<Float>?
  let destination: UnsafeMutablePointer<Float>
  let destinationStride: Int
}
