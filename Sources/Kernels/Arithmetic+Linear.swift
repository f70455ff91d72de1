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
// Rows (the prompt and generated tokens): every output is a dot product of its own with lanes along
// the inputs, so any division of outputs among ranks and threads, and any number of rows at once,
// gives the same bits.

extension Arithmetic {
  /// How many outputs a panel has: 32 for the own microkernels; for OpenBLAS as many as widen to 4
  /// MB, at most 256.
  public func outputsPerPanel(inputs: Int) -> Int {
    guard !multipliesPanels else { return Int(RF_PANEL_COLUMNS) }
    return min(256, max(16, (1 << 20) / max(inputs, 1) / 16 * 16))
  }

  /// Bytes of scratch that `multiply` needs on each thread: one panel as the arithmetic reads it.
  public func linearScratchBytes(inputs: Int) -> Int {
    outputsPerPanel(inputs: inputs) * Self.inputStride(columns: inputs) * inputType.bytes
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
  ///   - inputs: `[tokens][inputStride(weights.inputs)]` matrix input; the first token begins a
  ///     block of the sequence. What lies behind a row's columns has no influence but must be
  ///     finite.
  ///   - outputs: `[tokens][outputStride]` float32, of which `weights.outputs` columns are written.
  public func multiply(
    _ weights: WeightMatrix, inputs: UnsafeRawPointer, tokens: Int,
    outputs: UnsafeMutablePointer<Float>, outputStride: Int, accumulate: Bool = false
  ) {
    let kernels = kernels(for: weights.format)
    let panel = outputsPerPanel(inputs: weights.inputs)
    let panels = (weights.outputs + panel - 1) / panel
    let blocks = (tokens + tokensPerBlock - 1) / tokensPerBlock
    let blocksPerItem = Self.blocksPerItem(
      panels: panels, blocks: blocks, threads: team.threads)
    let parts = (blocks + blocksPerItem - 1) / max(blocksPerItem, 1)
    let inputStride = Self.inputStride(columns: weights.inputs)
    reserveScratch(bytes: linearScratchBytes(inputs: weights.inputs))
    weights.bias.withUnsafeBufferPointer { bias in
      team.forEach(panels * parts) { item, thread in
        let first = item / parts * panel
        let panelWeights = packed(
          weights, outputs: first..<min(first + panel, weights.outputs), kernels, thread: thread)
        let firstBlock = item % parts * blocksPerItem
        for block in firstBlock..<min(firstBlock + blocksPerItem, blocks) {
          let token = block * tokensPerBlock
          let tile = LinearTile(
            weights: panelWeights, outputs: min(panel, weights.outputs - first),
            inputColumns: weights.inputs, tokens: min(tokensPerBlock, tokens - token),
            inputs: inputs + token * inputStride * inputType.bytes, inputStride: inputStride,
            bias: bias.isEmpty ? nil : bias.baseAddress! + first,
            destination: outputs + token * outputStride + first, destinationStride: outputStride,
            accumulate: accumulate)
          if multipliesPanels { multiplyPanel(tile) } else { multiplyWidened(tile) }
        }
      }
    }
  }

  /// A panel of weights as the arithmetic reads it, in the thread's scratch or where it lies.
  private func packed(
    _ weights: WeightMatrix, outputs: Range<Int>, _ kernels: WeightKernels, thread: Int
  ) -> UnsafeRawPointer {
    let rows = weights.row(outputs.lowerBound)
    let scratch = scratch(of: thread)
    if multipliesPanels {
      kernels.pack!(rows, outputs.count, weights.inputs, scratch)
      return UnsafeRawPointer(scratch)
    }
    guard let unpack = weights.format.unpack else { return rows }
    let floats = scratch.assumingMemoryBound(to: Float.self)
    for output in outputs {
      unpack(
        weights.row(output), weights.inputs,
        floats + (output - outputs.lowerBound) * weights.inputs, table)
    }
    return UnsafeRawPointer(scratch)
  }

  /// What multiplies weights of that format.
  private func kernels(for format: WeightFormat) -> WeightKernels {
    precondition(
      format.precisions.contains(precision),
      "\(precision.rawValue) precision takes no \(format) weights as they are")
    return format.kernels(self)
  }

  private func multiplyPanel(_ tile: LinearTile) {
    let microtile = Int(RF_MICROTILE_ROWS)
    for row in stride(from: 0, to: tile.tokens, by: microtile) {
      inputKernels.matrix(
        min(microtile, tile.tokens - row), tile.inputColumns,
        tile.inputs + row * tile.inputStride * inputType.bytes, tile.inputStride, tile.weights,
        tile.destination + row * tile.destinationStride, tile.destinationStride, tile.outputs,
        tile.bias, tile.accumulate)
    }
  }

  private func multiplyWidened(_ tile: LinearTile) {
    OpenBLAS.multiply(
      (tile.inputs.assumingMemoryBound(to: Float.self), tile.inputStride),
      (tile.weights.assumingMemoryBound(to: Float.self), tile.inputColumns),
      isRightTransposed: true, rows: tile.tokens, columns: tile.outputs, inner: tile.inputColumns,
      into: (tile.destination, tile.destinationStride, beta: tile.accumulate ? 1 : 0))
    guard let bias = tile.bias else { return }
    for token in 0..<tile.tokens {
      let row = tile.destination + token * tile.destinationStride
      for output in 0..<tile.outputs { row[output] += bias[output] }
    }
  }

  /// Into how many runs what is read once is cut for the threads. A kernel asks for memory ahead of
  /// itself, beyond the end of its run, so runs are long; but where one thread is held up, the others
  /// are to take over some of its part.
  public static func runs(bytes: Int, threads: Int) -> Int {
    threads == 1 ? 1 : max(threads, min(4 * threads, bytes >> 19))
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
    guard !range.isEmpty else { return }
    let kernels = kernels(for: weights.format)
    let weightBytes = weights.rowBytes
    let stride = Self.inputStride(columns: weights.inputs)
    let inputs = rows > 1 && inputType != .bf16 ? split(inputs, rows: rows, weights.inputs) : inputs
    let perItem =
      rows > 1
      ? Self.outputsPerItem(
        outputs: range.count, rowBytes: weightBytes, threads: team.threads,
        cacheBytes: CacheSizes.host.secondLevelBytes)
      : Self.outputsPerRun(outputs: range.count, rowBytes: weightBytes, threads: team.threads)
    rowsCall = RowsCall(
      weights: weights, kernels: kernels, range: range, perItem: perItem, inputs: inputs,
      rows: rows,
      inputStride: stride, outputs: outputs)
    team.callForEach((range.count + perItem - 1) / perItem, multiplyRowsOfItem)
    rowsCall = nil
  }

  /// Of one row, weights are read once: long runs, in groups of four outputs.
  private static func outputsPerRun(outputs: Int, rowBytes: Int, threads: Int) -> Int {
    let items = runs(bytes: outputs * rowBytes, threads: threads)
    return (outputs + 4 * items - 1) / (4 * items) * 4
  }

  /// Of several rows, an item's weights are used again for each few rows: outputs, a multiple of what
  /// any microkernel takes at once, whose weights take a quarter of the second-level cache at most,
  /// and a dozen items for every thread, so that no thread waits long for the last one.
  public static func outputsPerItem(
    outputs: Int, rowBytes: Int, threads: Int, cacheBytes: Int
  ) -> Int {
    let fitting = cacheBytes / 4 / max(rowBytes, 1)
    let shared = (outputs + 12 * threads - 1) / (12 * threads)
    return (max(1, min(fitting, shared)) + 11) / 12 * 12
  }

  /// Bytes of scratch that `multiplyRows` needs on each thread.
  public func splitScratchBytes(inputs: Int, rows: Int) -> Int {
    rows > 1 && inputType != .bf16 ? rows * Self.inputStride(columns: inputs) * 4 : 0
  }

  /// Rows of float32 as the dot products of several rows read them, in thread 0's scratch.
  private func split(_ inputs: UnsafeRawPointer, rows: Int, _ columns: Int) -> UnsafeRawPointer {
    let stride = Self.inputStride(columns: columns)
    reserveScratch(bytes: splitScratchBytes(inputs: columns, rows: rows))
    let destination = scratch(of: 0).assumingMemoryBound(to: Float.self)
    let source = inputs.assumingMemoryBound(to: Float.self)
    let perItem = 8
    team.forEach((rows + perItem - 1) / perItem) { item, _ in
      for row in item * perItem..<min(rows, (item + 1) * perItem) {
        table.split(source + row * stride, columns, destination + row * stride)
      }
    }
    return UnsafeRawPointer(destination)
  }
}

/// One panel of outputs for one block of tokens.
private struct LinearTile {
  /// `[inputs][32]` matrix input, or `[outputs][inputs]` float32 for OpenBLAS.
  let weights: UnsafeRawPointer
  let outputs: Int
  let inputColumns: Int
  let tokens: Int
  let inputs: UnsafeRawPointer
  let inputStride: Int
  let bias: UnsafePointer<Float>?
  let destination: UnsafeMutablePointer<Float>
  let destinationStride: Int
  let accumulate: Bool
}

/// One call of `multiplyRows`, for its threads.
struct RowsCall {
  let weights: WeightMatrix
  let kernels: WeightKernels
  /// The outputs that are computed.
  let range: Range<Int>
  /// How many of them are one item.
  let perItem: Int
  let inputs: UnsafeRawPointer
  let rows: Int
  /// Elements from one row of inputs to the next.
  let inputStride: Int
  /// `[rows][range.count]` float32.
  let outputs: UnsafeMutablePointer<Float>

  func multiply(item: Int) {
    let first = item * perItem
    let count = min(range.count - first, perItem)
    let output = range.lowerBound + first
    if rows > 1 {
      kernels.dotsOfSeveralInputs(
        weights.row(output), count, weights.inputs, inputs, rows, inputStride, outputs + first,
        range.count)
    } else {
      for group in stride(from: 0, to: count, by: 4) {
        kernels.dotsOfOneInput(
          weights.row(output + group), min(4, count - group), weights.inputs, inputs,
          outputs + first + group)
      }
    }
    guard !weights.bias.isEmpty else { return }
    weights.bias.withUnsafeBufferPointer { bias in
      for row in 0..<rows {
        let outputs = outputs + row * range.count + first
        for index in 0..<count { outputs[index] += bias[output + index] }
      }
    }
  }
}
