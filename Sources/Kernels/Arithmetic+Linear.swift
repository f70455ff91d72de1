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
  /// inputs: the panels of an item as the arithmetic reads them, and room to unpack one. Those of int8 are
  /// smaller.
  public func linearScratchBytes(inputs: Int) -> Int {
    let panel = outputsPerPanel(inputs: inputs) * inputRowBytes(columns: inputs)
    return unpackingScratchBytes
      + panel * Self.mostPanelsPerItem(panelBytes: panel, cache: CacheSizes.host)
  }

  /// Panels that are multiplied by turns with the same few rows, so that these are read from memory once
  /// for all of them: as many as take half of the second-level cache, at most four. One where a block's
  /// rows stay in that cache anyway.
  static func mostPanelsPerItem(panelBytes: Int, cache: CacheSizes) -> Int {
    let blockBytes = panelBytes / Int(RF_PANEL_COLUMNS) * tokensPerBlock
    guard blockBytes > cache.secondLevelBytes * 3 / 4 else { return 1 }
    return max(1, min(4, cache.secondLevelBytes / 2 / max(panelBytes, 1)))
  }

  /// The same where there are so many panels, and are to be several items for every thread.
  static func panelsPerItem(
    panelBytes: Int, panels: Int, threads: Int, cache: CacheSizes
  ) -> Int {
    max(1, min(mostPanelsPerItem(panelBytes: panelBytes, cache: cache), panels / (8 * threads)))
  }

  /// Rows that meet all panels of an item before the next ones do.
  private static let rowsPerTurn = 2 * Int(RF_MICROTILE_ROWS)

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
    multiply([
      LinearProduct(
        weights: weights, inputs: inputs, tokens: tokens, outputs: outputs,
        outputStride: outputStride, accumulate: accumulate)
    ])
  }

  /// Several products in one go, so that threads that are done with one begin another.
  func multiply(_ products: [LinearProduct]) {
    guard let inputs = products.map(\.weights.inputs).max() else { return }
    for product in products { check(product.weights.format) }
    reserveScratch(bytes: linearScratchBytes(inputs: inputs))
    let division = products.map { LinearDivision($0, of: products.count, self) }
    var firstItems: [Int] = []
    var items = 0
    for part in division {
      firstItems.append(items)
      items += part.items
    }
    team.forEach(items) { item, thread in
      let index = firstItems.lastIndex { $0 <= item }!
      multiply(products[index], division[index], item: item - firstItems[index], thread: thread)
    }
  }

  /// Some panels of a product for some of its tokens.
  private func multiply(
    _ product: LinearProduct, _ division: LinearDivision, item: Int, thread: Int
  ) {
    let weights = product.weights
    let isInt8 = product.inputs.type == .int8
    let (panel, panelBytes) = (division.panel, division.panelBytes)
    let first = item / division.parts * division.panelsPerItem * panel
    let last = min(first + division.panelsPerItem * panel, weights.outputs)
    let scratch = scratch(of: thread) + unpackingScratchBytes
    // Of the OpenBLAS path it may lie in the file itself.
    var packedPanel = UnsafeRawPointer(scratch)
    for start in stride(from: first, to: last, by: panel) {
      let range = start..<min(start + panel, last)
      let place = scratch + (start - first) / panel * panelBytes
      if isInt8 {
        packAsInt8(weights, outputs: range, into: place)
      } else {
        packedPanel = packed(weights, outputs: range, into: place, thread: thread)
      }
    }
    let tokensPerItem = division.blocksPerItem * tokensPerBlock
    let firstToken = item % division.parts * tokensPerItem
    let lastToken = min(product.tokens, firstToken + tokensPerItem)
    let rowsPerTurn = division.panelsPerItem > 1 ? Self.rowsPerTurn : tokensPerBlock
    weights.bias.withUnsafeBufferPointer { bias in
      for token in stride(from: firstToken, to: lastToken, by: rowsPerTurn) {
        for start in stride(from: first, to: last, by: panel) {
          let tile = LinearTile(
            weights: division.panelsPerItem == 1
              ? packedPanel : UnsafeRawPointer(scratch + (start - first) / panel * panelBytes),
            product: product, bias: bias.isEmpty ? nil : bias.baseAddress! + start,
            outputs: start..<min(start + panel, last),
            tokens: token..<min(token + rowsPerTurn, lastToken))
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

  /// A panel of weights as the arithmetic reads it, at `panel` or where it lies.
  func packed(
    _ weights: WeightMatrix, outputs: Range<Int>, into panel: UnsafeMutableRawPointer, thread: Int
  ) -> UnsafeRawPointer {
    let rows = weights.row(outputs.lowerBound)
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

/// A matrix and the rows that it is multiplied with.
struct LinearProduct {
  let weights: WeightMatrix
  let inputs: MatrixInputs
  let tokens: Int
  /// `[tokens][outputStride]` float32.
  let outputs: UnsafeMutablePointer<Float>
  let outputStride: Int
  let accumulate: Bool
}

/// How a product is cut into items for the threads: some panels for some blocks of tokens each.
private struct LinearDivision {
  /// Outputs of a panel, and the bytes that it takes as it is read.
  let panel: Int
  let panelBytes: Int
  let panelsPerItem: Int
  let blocksPerItem: Int
  /// Items of the same panels.
  let parts: Int
  let items: Int

  /// - Parameter products: how many there are at once, which share the threads.
  init(_ product: LinearProduct, of products: Int, _ arithmetic: Arithmetic) {
    let (inputs, type) = (product.weights.inputs, product.inputs.type)
    let threads = max(1, arithmetic.team.threads / products)
    panel = type == .int8 ? Int(RF_PANEL_COLUMNS) : arithmetic.outputsPerPanel(inputs: inputs)
    panelBytes = panel * type.rowBytes(columns: inputs)
    let panels = (product.weights.outputs + panel - 1) / panel
    let blocks = (product.tokens + tokensPerBlock - 1) / tokensPerBlock
    panelsPerItem =
      type == .int8 || arithmetic.multipliesPanels
      ? Arithmetic.panelsPerItem(
        panelBytes: panelBytes, panels: panels, threads: threads, cache: CacheSizes.host) : 1
    let groups = (panels + panelsPerItem - 1) / panelsPerItem
    blocksPerItem = Arithmetic.blocksPerItem(panels: groups, blocks: blocks, threads: threads)
    parts = (blocks + blocksPerItem - 1) / max(blocksPerItem, 1)
    items = groups * parts
  }
}

/// One panel of outputs for some tokens.
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

  /// - Parameters:
  ///   - weights: the packed panel of `outputs`, and `bias` theirs.
  ///   - tokens: whose rows it is multiplied with.
  init(
    weights: UnsafeRawPointer, product: LinearProduct, bias: UnsafePointer<Float>?,
    outputs: Range<Int>, tokens: Range<Int>
  ) {
    let matrix = product.weights
    self.weights = weights
    format = matrix.format
    self.outputs = outputs.count
    inputColumns = matrix.inputs
    self.tokens = tokens.count
    inputRowBytes = product.inputs.type.rowBytes(columns: matrix.inputs)
    inputs = product.inputs.rows + tokens.lowerBound * inputRowBytes
    self.bias = bias
    destination =
      product.outputs + tokens.lowerBound * product.outputStride + outputs.lowerBound
    destinationStride = product.outputStride
    accumulate = product.accumulate
  }
}
