import CKernels

// Linear layers whose outputs are sums over chunks of the inputs. Goals, in this order: an output has
// the same bits whoever computes which of the chunks; that reading weights takes as long as without
// chunks.
//
// Where a chunk begins follows from the number of inputs alone. A chunk's sum is what the layer of its
// inputs would give: float32, in the order of the kernel; a bias is added to the first chunk's, and the
// weight of an expert multiplies each, which is rounded to float32. These are added in Float64, those of
// a token's experts all together, and rounded once to float32. A sum
// of few float32 numbers of magnitudes that are not 2^29 apart is exact in Float64, so the order shows
// in none of its bits; where they are further apart, it would show in one of 2^28, so in fp32 precision
// a sum carries the rest that its rounding lost, as softmax states do.

/// A call whose outputs are such sums.
struct ChunkCall {
  let chunks: Range<Int>
  /// Of the matrices' inputs, those of the chunks.
  let inputs: Range<Int>
  /// Takes the sums; nil where the call's outputs take them rounded.
  let sums: ChunkSums?
  /// `[rows]`: what each chunk's sums are multiplied with; nil for nothing.
  let rowWeights: UnsafePointer<Float>?
}

extension Arithmetic {
  /// Whether sums of chunks have rests.
  public var keepsRests: Bool { precision == .fp32 }

  /// Bytes of scratch of each thread for the sums of so many inputs and rows, behind that of a product.
  public func chunkScratchBytes(inputs: Int, rows: Int) -> Int {
    let panel = Int(RF_PANEL_COLUMNS)
    let chunks = InputChunks(of: inputs).count
    return 2 * rows * panel * MemoryLayout<Double>.stride
      + max(rows * panel, chunks * (panel + 4)) * MemoryLayout<Float>.stride
  }

  /// Some of a group's outputs of a few rows, as sums over all chunks of the inputs.
  ///
  /// - Parameters: as of `multiplyRows`.
  public func multiplyChunks(
    _ group: LinearGroup, range: Range<Int>, inputs: MatrixInputs, rows: Int,
    outputs: UnsafeMutablePointer<Float>, outputStride: Int
  ) {
    let chunks = InputChunks(of: group.inputs)
    guard chunks.count > 1 else {
      return multiplyRows(
        group, range: range, inputs: inputs, rows: rows, outputs: outputs,
        outputStride: outputStride)
    }
    guard !range.isEmpty, rows > 0 else { return }
    sumRows(
      of: ChunkInputs(inputs, chunks: chunks.all, of: chunks), layer: chunks,
      rows: (all: rows, ofPart: rows), into: .rounded(outputs, stride: outputStride)
    ) {
      addRows(0..<rows, of: group, range: range)
    }
  }

  /// The sums of some of the chunks.
  ///
  /// - Parameter sums: takes `[rows][range.count]`.
  public func sumChunks(
    _ group: LinearGroup, range: Range<Int>, of inputs: ChunkInputs, rows: Int,
    into sums: ChunkSums
  ) {
    guard !range.isEmpty, !inputs.chunks.isEmpty, rows > 0 else { return }
    sumRows(
      of: inputs, layer: InputChunks(of: group.inputs), rows: (all: rows, ofPart: rows),
      into: .sums(sums)
    ) {
      addRows(0..<rows, of: group, range: range)
    }
  }

  /// What takes a call's sums.
  enum SumTarget {
    case sums(ChunkSums)
    case rounded(UnsafeMutablePointer<Float>, stride: Int)
  }

  /// - Parameters:
  ///   - rows: of the call, and the most of a part that `listParts` adds.
  ///   - weights: `[rows]`: what each chunk's sums are multiplied with; nil for nothing.
  func sumRows(
    of inputs: ChunkInputs, layer: InputChunks, rows: (all: Int, ofPart: Int),
    weights: UnsafePointer<Float>? = nil, into target: SumTarget, listParts: () -> Void
  ) {
    let range = layer.inputs(of: inputs.chunks)
    reserveScratch(
      bytes: linearScratchBytes(inputs: layer.inputs)
        + chunkScratchBytes(inputs: layer.inputs, rows: rows.ofPart))
    let (sums, outputs, stride): (ChunkSums?, UnsafeMutablePointer<Float>?, Int) =
      switch target {
      case .sums(let sums): (sums, nil, 0)
      case .rounded(let outputs, let stride): (nil, outputs, stride)
      }
    run(
      RowsCall(
        inputs: inputs.inputs,
        splitInputs: split(
          inputs.inputs, rows: rows.ofPart > 1 ? rows.all : 1, range.count,
          rowBytes: inputs.rowBytes),
        inputRowBytes: inputs.rowBytes, outputs: outputs, outputStride: stride,
        chunks: ChunkCall(
          chunks: inputs.chunks, inputs: range, sums: sums, rowWeights: weights)),
      listParts: listParts)
  }

  // MARK: - One item

  func sumRows(
    of part: RowsPart, outputs: Range<Int>, _ call: RowsOfPart, _ chunks: ChunkCall, item: Int,
    thread: Int
  ) {
    let weights = part.weights
    let isPacked = weights.format.blocks != nil
    let atOnce = call.rows > 1 ? 12 : weights.format.isScaled ? 4 : Int(RF_PANEL_COLUMNS)
    let width = isPacked ? Int(RF_PANEL_COLUMNS) : atOnce
    let tile = ChunkTile(
      scratch(of: thread) + linearScratchBytes(inputs: weights.inputs), rows: call.rows,
      keepsRests: keepsRests)
    if isPacked, item < team.threads {
      rf_prefetch(weights.row(outputs.lowerBound), Self.bytesAhead)
    }
    for start in stride(from: outputs.lowerBound, to: outputs.upperBound, by: width) {
      let range = start..<min(start + width, outputs.upperBound)
      tile.clear(columns: range.count)
      if isPacked, call.inputs.type == .int8 {
        let ahead =
          range.upperBound == outputs.upperBound
          ? weightsOfNextItem() : weights.row(range.upperBound)
        sumInt8(part, outputs: range, ahead: ahead, call, chunks, tile, thread: thread)
      } else if isPacked {
        sumUnpacked(weights, outputs: range, call, chunks, tile, thread: thread)
      } else if weights.format.isScaled {
        sumScaled(weights, outputs: range, call, chunks, tile, thread: thread)
      } else {
        let first = weights.format.rowBytes(inputs: chunks.inputs.lowerBound)
        sumDots(
          (weights.row(start) + first, weights.format, weights.inputs), weights, outputs: range,
          call, chunks, tile)
      }
      let column = part.column + start - part.range.lowerBound
      if let sums = chunks.sums {
        tile.copy(columns: range.count, to: sums, row: call.firstRow, column: column)
      } else {
        tile.round(
          columns: range.count, to: call.outputs! + column, stride: call.outputStride)
      }
    }
  }

  /// Calls `body` with each chunk of a call: its number in the layer, and its inputs among those of the
  /// call.
  @inline(__always)
  private func forEachChunk(
    _ call: ChunkCall, _ body: (_ chunk: Int, _ inputs: Range<Int>) -> Void
  ) {
    for chunk in call.chunks {
      let first = (chunk - call.chunks.lowerBound) * InputChunks.width
      body(
        chunk,
        first..<(chunk + 1 == call.chunks.upperBound
          ? call.inputs.count : first + InputChunks.width))
    }
  }

  /// Takes in a chunk's sums, `[rows][stride]`.
  @inline(__always)
  private func add(
    _ sums: UnsafeMutablePointer<Float>, stride: Int, ofChunk chunk: Int, _ weights: WeightMatrix,
    outputs: Range<Int>, _ call: RowsOfPart, to tile: ChunkTile
  ) {
    if chunk == 0, !weights.bias.isEmpty {
      weights.bias.withUnsafeBufferPointer { bias in
        for row in 0..<call.rows {
          for output in outputs {
            sums[row * stride + output - outputs.lowerBound] += bias[output]
          }
        }
      }
    }
    for row in 0..<call.rows {
      if let weight = call.rowWeights?[row] {
        for column in 0..<outputs.count { sums[row * stride + column] *= weight }
      }
      tile.add(
        sums + row * stride, columns: outputs.count, row: row)
    }
  }

  /// Rows of a format that is multiplied as it is, from the chunks' first input on.
  private func sumDots(
    _ rows: (first: UnsafeRawPointer, format: WeightFormat, stride: Int), _ weights: WeightMatrix,
    outputs: Range<Int>, _ call: RowsOfPart, _ chunks: ChunkCall, _ tile: ChunkTile
  ) {
    let kernels = rows.format.kernels!(self)
    let (sums, stride) = (tile.chunkSums, Int(RF_PANEL_COLUMNS))
    guard call.rows > 1 else {
      let (count, rowBytes) = (chunks.chunks.count, rows.format.rowBytes(inputs: rows.stride))
      // `[chunks][4]`, of which one chunk's are where they belong.
      let four = sums + count * stride
      for first in Swift.stride(from: 0, to: outputs.count, by: 4) {
        kernels.dotsOfOneInput(
          rows.first + first * rowBytes, rows.stride, min(4, outputs.count - first),
          chunks.inputs.count, count, call.inputs.rows, count == 1 ? sums + first : four)
        if count == 1 { continue }
        for chunk in 0..<count {
          for index in 0..<4 { sums[chunk * stride + first + index] = four[4 * chunk + index] }
        }
      }
      for (index, chunk) in chunks.chunks.enumerated() {
        add(
          sums + stride * index, stride: 0, ofChunk: chunk, weights, outputs: outputs, call,
          to: tile)
      }
      return
    }
    forEachChunk(chunks) { chunk, inputs in
      kernels.dotsOfSeveralInputs(
        rows.first + rows.format.rowBytes(inputs: inputs.lowerBound), rows.stride, outputs.count,
        inputs.count, call.splitInputs + inputs.lowerBound * inputType.bytes, call.rows,
        call.inputRowBytes / inputType.bytes, sums, stride)
      add(
        sums, stride: stride, ofChunk: chunk, weights, outputs: outputs, call, to: tile)
    }
  }

  /// Rows that are unpacked before, as many as there are at a time.
  private func sumScaled(
    _ weights: WeightMatrix, outputs: Range<Int>, _ call: RowsOfPart, _ chunks: ChunkCall,
    _ tile: ChunkTile, thread: Int
  ) {
    let format = unpackedFormat
    let rowBytes = format.rowBytes(inputs: chunks.inputs.count)
    let rows = scratch(of: thread)
    if chunks.inputs.count == weights.inputs {
      rf_prefetch(weights.row(outputs.upperBound), outputs.count * weights.rowBytes)
    }
    for output in outputs {
      unpack(
        weights, row: output, inputs: chunks.inputs,
        into: rows + (output - outputs.lowerBound) * rowBytes)
    }
    sumDots(
      (UnsafeRawPointer(rows), format, chunks.inputs.count), weights, outputs: outputs, call,
      chunks, tile)
  }

  /// A panel of int8: each chunk as `multiplyInt8` does all inputs.
  private func sumInt8(
    _ part: RowsPart, outputs: Range<Int>, ahead: UnsafeRawPointer, _ call: RowsOfPart,
    _ chunks: ChunkCall, _ tile: ChunkTile, thread: Int
  ) {
    let (weights, panel) = (part.weights, Int(RF_PANEL_COLUMNS))
    let (blocks, format) = (weights.format.blocks!, weights.format)
    let rows = weights.row(outputs.lowerBound) + format.rowBytes(inputs: chunks.inputs.lowerBound)
    let sums = tile.chunkSums
    if let dot = part.dotOfPanel, outputs.count == panel {
      dot(
        rows, weights.rowBytes, chunks.inputs.count / format.elementsPerBlock, chunks.chunks.count,
        ahead, call.inputs.rows, sums)
      for (index, chunk) in chunks.chunks.enumerated() {
        add(
          sums + panel * index, stride: 0, ofChunk: chunk, weights, outputs: outputs, call,
          to: tile)
      }
      return
    }
    let (pack, matrix) = (blocks.pack(table), blocks.matrix(table))
    let packed = scratch(of: thread)
    let groups = chunks.inputs.count / 32
    let isWhole = chunks.inputs.count == weights.inputs
    var product = rf_int8_product(
      inputs: call.inputs.rows, rows: call.rows, rowBytes: call.inputRowBytes, groups: groups,
      panel: UnsafeRawPointer(packed))
    product.outputs = sums
    product.output_stride = panel
    product.columns = outputs.count
    var ahead = ahead
    forEachChunk(chunks) { chunk, inputs in
      let end = inputs.upperBound / 32
      for first in stride(from: inputs.lowerBound / 32, to: end, by: Self.groupsPerChunk) {
        let count = min(Self.groupsPerChunk, end - first)
        let blockCount = count / blocks.groups
        let start = rows + first / blocks.groups * format.bytesPerBlock
        // Of rows that are read in part, what follows is not read next.
        pack(
          start, weights.rowBytes, outputs.count, blockCount, isWhole ? ahead : start, packed)
        ahead += outputs.count * blockCount * format.bytesPerBlock
        product.group_count = count
        product.inputs = (call.inputs.rows + 32 * first).assumingMemoryBound(to: Int8.self)
        product.groups = (call.inputs.rows + 32 * (groups + first)).assumingMemoryBound(
          to: rf_int8_group.self)
        product.continues = 32 * first > inputs.lowerBound
        matrix(&product)
      }
      add(
        sums, stride: panel, ofChunk: chunk, weights, outputs: outputs, call, to: tile)
    }
  }

  /// A panel of another input type, or its rows where there are no panels.
  private func sumUnpacked(
    _ weights: WeightMatrix, outputs: Range<Int>, _ call: RowsOfPart, _ chunks: ChunkCall,
    _ tile: ChunkTile, thread: Int
  ) {
    let (panel, microtile) = (Int(RF_PANEL_COLUMNS), Int(RF_MICROTILE_ROWS))
    let sums = tile.chunkSums
    guard multipliesPanels else {
      let row = scratch(of: thread).assumingMemoryBound(to: Float.self)
      let first = weights.format.rowBytes(inputs: chunks.inputs.lowerBound)
      for output in outputs {
        weights.format.unpackRow(
          weights.row(output) + first, count: chunks.inputs.count, into: row, with: table)
        forEachChunk(chunks) { chunk, inputs in
          for index in 0..<call.rows {
            table.dot_4_float32_float32(
              row + inputs.lowerBound, inputs.count, 1, inputs.count, 1,
              call.inputs.rows + index * call.inputRowBytes + inputs.lowerBound * inputType.bytes,
              sums + index)
            if chunk == 0, !weights.bias.isEmpty { sums[index] += weights.bias[output] }
            if let weight = call.rowWeights?[index] { sums[index] *= weight }
            tile.add(
              sums + index, columns: 1, row: index, column: output - outputs.lowerBound)
          }
        }
      }
      return
    }
    let packed = scratch(of: thread) + unpackingScratchBytes
    unpack(
      weights.format.blocks!, of: weights, outputs: outputs, inputs: chunks.inputs, into: packed,
      packed: scratch(of: thread))
    forEachChunk(chunks) { chunk, inputs in
      for row in stride(from: 0, to: call.rows, by: microtile) {
        inputKernels.matrix(
          min(microtile, call.rows - row), inputs.count,
          call.inputs.rows + row * call.inputRowBytes + inputs.lowerBound * inputType.bytes,
          call.inputRowBytes / inputType.bytes,
          packed + inputs.lowerBound * panel * inputType.bytes,
          sums + row * panel, panel, outputs.count, nil, false)
      }
      add(
        sums, stride: panel, ofChunk: chunk, weights, outputs: outputs, call, to: tile)
    }
  }
}
