import CKernels

// Linear layers. Goals, in this order: an output's bits follow from its token and its weights
// alone; speed; memory.
//
// Matrix-matrix (the context): an item is one panel of outputs for some blocks of 256 tokens. Its
// shape and alignment are those of the global sequence, so the same call is made wherever the block
// lives. The own microkernels take panels of 32 weights' rows, packed to [inputs][32] once an item,
// and each output is one chain of sums over ascending inputs. OpenBLAS takes wider panels, widened
// to float32.
//
// Weights in blocks of small integers are packed into panels of int8, which are multiplied with inputs
// of int8, or unpacked to panels of the other input types; those with scales are always unpacked.
//
// How few rows are multiplied (the prompt and generated tokens) stands in Arithmetic+LinearRows.swift.

extension Arithmetic {
  /// How many outputs a panel has: 32 for the own microkernels; for OpenBLAS as many as widen to 4
  /// MB, at most 256.
  public func outputsPerPanel(inputs: Int) -> Int {
    guard !multipliesPanels else { return Int(RF_PANEL_COLUMNS) }
    return min(256, max(16, (1 << 20) / max(inputs, 1) / 16 * 16))
  }

  /// Bytes of scratch that any function of linear layers needs on each thread, for matrices of so many
  /// inputs: one panel as the arithmetic reads it, and room to unpack it. One of int8 is smaller.
  public func linearScratchBytes(inputs: Int) -> Int {
    unpackingScratchBytes + outputsPerPanel(inputs: inputs) * inputRowBytes(columns: inputs)
  }

  /// What is unpacked at once stands before the panel.
  var unpackingScratchBytes: Int {
    max(WeightBlocks.groupsAtOnce * WeightBlocks.mostGroupBytes, Self.scaledScratchBytes)
  }

  /// Blocks of tokens in one item. A panel is packed once an item, so the more the better, as long
  /// as there are several items for every thread.
  public static func blocksPerItem(panels: Int, blocks: Int, threads: Int) -> Int {
    let wanted = 8 * threads
    let parts = min(blocks, max(1, (wanted + panels - 1) / panels))
    return (blocks + parts - 1) / parts
  }

  /// `outputs[token][o] = bias[o] + Σ weights[o][i] * inputs[token][i]`, added to what is there
  /// where `accumulate` is set.
  ///
  /// - Parameters:
  ///   - inputs: one row a token, of the type for the weights' group; the first token begins a block
  ///     of the sequence. What lies behind a row's columns has no influence but must be finite.
  ///   - outputs: `[tokens][outputStride]` float32, of which `weights.outputs` columns are written.
  public func multiply(
    _ weights: WeightMatrix, inputs: MatrixInputs, tokens: Int,
    outputs: UnsafeMutablePointer<Float>, outputStride: Int, accumulate: Bool = false
  ) {
    check(weights.format)
    let isInt8 = inputs.type == .int8
    let panel = isInt8 ? Int(RF_PANEL_COLUMNS) : outputsPerPanel(inputs: weights.inputs)
    let panels = (weights.outputs + panel - 1) / panel
    let blocks = (tokens + tokensPerBlock - 1) / tokensPerBlock
    let blocksPerItem = Self.blocksPerItem(
      panels: panels, blocks: blocks, threads: team.threads)
    let parts = (blocks + blocksPerItem - 1) / max(blocksPerItem, 1)
    let rowBytes = inputs.type.rowBytes(columns: weights.inputs)
    reserveScratch(bytes: linearScratchBytes(inputs: weights.inputs))
    weights.bias.withUnsafeBufferPointer { bias in
      team.forEach(panels * parts) { item, thread in
        let first = item / parts * panel
        let range = first..<min(first + panel, weights.outputs)
        let panelWeights =
          isInt8
          ? packedAsInt8(weights, outputs: range, thread: thread)
          : packed(weights, outputs: range, thread: thread)
        let firstBlock = item % parts * blocksPerItem
        for block in firstBlock..<min(firstBlock + blocksPerItem, blocks) {
          let token = block * tokensPerBlock
          let tile = LinearTile(
            weights: panelWeights, format: weights.format, outputs: range.count,
            inputColumns: weights.inputs, tokens: min(tokensPerBlock, tokens - token),
            inputs: inputs.rows + token * rowBytes, inputRowBytes: rowBytes,
            bias: bias.isEmpty ? nil : bias.baseAddress! + first,
            destination: outputs + token * outputStride + first, destinationStride: outputStride,
            accumulate: accumulate)
          if isInt8 {
            multiplyInt8(tile)
          } else if multipliesPanels {
            multiplyPanel(tile)
          } else {
            multiplyWidened(tile)
          }
        }
      }
    }
  }

  /// A panel of weights as the arithmetic reads it, in the thread's scratch or where it lies.
  func packed(
    _ weights: WeightMatrix, outputs: Range<Int>, thread: Int
  ) -> UnsafeRawPointer {
    let rows = weights.row(outputs.lowerBound)
    let panel = scratch(of: thread) + unpackingScratchBytes
    if multipliesPanels {
      if let blocks = weights.format.blocks {
        unpack(blocks, of: weights, outputs: outputs, into: panel, packed: scratch(of: thread))
      } else if weights.format.isScaled {
        packScaled(weights, outputs: outputs, into: panel, rows: scratch(of: thread))
      } else {
        weights.format.kernels!(self).pack!(rows, outputs.count, weights.inputs, panel)
      }
      return UnsafeRawPointer(panel)
    }
    guard weights.format.unpack != nil else { return rows }
    let floats = panel.assumingMemoryBound(to: Float.self)
    for output in outputs {
      widen(
        row: output, of: weights, into: floats + (output - outputs.lowerBound) * weights.inputs)
    }
    return UnsafeRawPointer(panel)
  }

  func check(_ format: WeightFormat) {
    precondition(
      format.precisions.contains(precision),
      "\(precision.rawValue) precision takes no \(format) weights as they are")
  }

  private func multiplyPanel(_ tile: LinearTile) {
    let microtile = Int(RF_MICROTILE_ROWS)
    for row in stride(from: 0, to: tile.tokens, by: microtile) {
      inputKernels.matrix(
        min(microtile, tile.tokens - row), tile.inputColumns,
        tile.inputs + row * tile.inputRowBytes, tile.inputRowBytes / inputType.bytes, tile.weights,
        tile.destination + row * tile.destinationStride, tile.destinationStride, tile.outputs,
        tile.bias, tile.accumulate)
    }
  }

  private func multiplyWidened(_ tile: LinearTile) {
    OpenBLAS.multiply(
      (tile.inputs.assumingMemoryBound(to: Float.self), tile.inputRowBytes / inputType.bytes),
      (tile.weights.assumingMemoryBound(to: Float.self), tile.inputColumns),
      isRightTransposed: true, rows: tile.tokens, columns: tile.outputs, inner: tile.inputColumns,
      into: (tile.destination, tile.destinationStride, beta: tile.accumulate ? 1 : 0))
    guard let bias = tile.bias else { return }
    for token in 0..<tile.tokens {
      let row = tile.destination + token * tile.destinationStride
      for output in 0..<tile.outputs { row[output] += bias[output] }
    }
  }
}

/// One panel of outputs for one block of tokens.
struct LinearTile {
  /// `[inputs][32]` matrix input, a panel of int8, or `[outputs][inputs]` float32 for OpenBLAS.
  let weights: UnsafeRawPointer
  let format: WeightFormat
  let outputs: Int
  let inputColumns: Int
  let tokens: Int
  let inputs: UnsafeRawPointer
  let inputRowBytes: Int
  let bias: UnsafePointer<Float>?
  let destination: UnsafeMutablePointer<Float>
  let destinationStride: Int
  let accumulate: Bool
}
