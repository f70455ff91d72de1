import CKernels

// Linear layers of a few rows: the prompt and generated tokens, whose speed is that of reading weights
// from memory. An output has the same bits for any division of outputs among ranks and threads, and
// any number of rows at once: it is a dot product of its own with lanes along the inputs, or one chain
// over ascending inputs where weights are packed into panels on the way.
//
// All matrices of a group are one pass: what is behind a matrix's last row for a thread is the next
// matrix's first.

extension Arithmetic {
  /// Into how many runs what is read once is cut for the threads. A kernel asks for memory ahead of
  /// itself, beyond the end of its run, so runs are long; but where one thread is held up, the others
  /// are to take over some of its part. As many for each thread, so that all end together.
  public static func runs(bytes: Int, threads: Int) -> Int {
    threads == 1 ? 1 : threads * max(1, min(4, (bytes >> 19) / threads))
  }

  /// Some of a group's outputs of a few rows; each output has the same bits for any range and any
  /// number of rows.
  ///
  /// - Parameters:
  ///   - range: among the outputs of all matrices.
  ///   - inputs: `[rows]`, of the group's type.
  ///   - outputs: `[rows][outputStride]` float32, of which `range.count` are written.
  public func multiplyRows(
    _ group: LinearGroup, range: Range<Int>, inputs: MatrixInputs, rows: Int,
    outputs: UnsafeMutablePointer<Float>, outputStride: Int
  ) {
    guard !range.isEmpty, rows > 0 else { return }
    multiplyRows(
      of: inputs, columns: group.inputs, rows: rows, isSplit: rows > 1, outputs: outputs,
      outputStride: outputStride
    ) {
      addRows(0..<rows, of: group, range: range)
    }
  }

  /// The same of some outputs of each matrix.
  ///
  /// - Parameters:
  ///   - range: among these outputs of all matrices.
  ///   - outputs: `[rows][range.count]` float32.
  public func multiplyRows(
    _ group: LinearGroup, range: Range<Int>, outputsOfEach: Range<Int>, inputs: MatrixInputs,
    rows: Int, outputs: UnsafeMutablePointer<Float>
  ) {
    guard !range.isEmpty, rows > 0 else { return }
    multiplyRows(
      of: inputs, columns: group.inputs, rows: rows, isSplit: rows > 1, outputs: outputs,
      outputStride: range.count
    ) {
      addRows(0..<rows, of: group, range: range, outputsOfEach: outputsOfEach)
    }
  }

  /// One pass over the weights of all that `listParts` adds with `addRows`.
  ///
  /// - Parameters:
  ///   - inputs: `[rows]` of so many columns.
  ///   - isSplit: whether any part has several rows.
  func multiplyRows(
    of inputs: MatrixInputs, columns: Int, rows: Int, isSplit: Bool,
    outputs: UnsafeMutablePointer<Float>, outputStride: Int, listParts: () -> Void
  ) {
    reserveScratch(bytes: linearScratchBytes(inputs: columns))
    let rowBytes = inputs.type.rowBytes(columns: columns)
    run(
      RowsCall(
        inputs: inputs,
        splitInputs: split(inputs, rows: isSplit ? rows : 1, columns, rowBytes: rowBytes),
        inputRowBytes: rowBytes, outputs: outputs, outputStride: outputStride),
      listParts: listParts)
  }

  /// One pass over the weights of all that `listParts` adds.
  func run(_ call: RowsCall, listParts: () -> Void) {
    rowsCall = call
    rowsParts.removeAll(keepingCapacity: true)
    rowsItems = 0
    listParts()
    team.callForEach(rowsItems, multiplyRowsOfItem)
    rowsCall = nil
  }

  /// Adds some of the call's rows, and the outputs of a group that they are to have.
  ///
  /// - Parameters:
  ///   - range: among these outputs of all matrices.
  ///   - outputsOfEach: of each matrix; all if nil.
  func addRows(
    _ rows: Range<Int>, of group: LinearGroup, range: Range<Int>, outputsOfEach: Range<Int>? = nil
  ) {
    var start = 0
    for matrix in group.matrices {
      check(matrix.format)
      let own = outputsOfEach ?? 0..<matrix.outputs
      let part = range.clamped(to: start..<start + own.count)
      if !part.isEmpty {
        let perItem = outputsPerItem(matrix, outputs: part.count, rows: rows.count)
        let first = own.lowerBound - start
        rowsParts.append(
          RowsPart(
            weights: matrix, range: part.lowerBound + first..<part.upperBound + first, rows: rows,
            column: part.lowerBound - range.lowerBound, perItem: perItem, firstItem: rowsItems,
            dotOfPanel: rows.count == 1 ? matrix.format.blocks?.kernels(table.formats).dot : nil))
        rowsItems += (part.count + perItem - 1) / perItem
      }
      start += own.count
    }
  }

  /// How many outputs a thread computes at a time.
  private func outputsPerItem(_ matrix: WeightMatrix, outputs: Int, rows: Int) -> Int {
    if matrix.format.blocks != nil {
      let panel = Int(RF_PANEL_COLUMNS)
      let panels = (outputs + panel - 1) / panel
      let runs = Self.runs(bytes: outputs * matrix.rowBytes * rows, threads: team.threads)
      return (panels + runs - 1) / runs * panel
    }
    return rows > 1
      ? Self.outputsPerItem(
        outputs: outputs, rowBytes: matrix.rowBytes, threads: team.threads,
        cacheBytes: CacheSizes.host.secondLevelBytes)
      : Self.outputsPerRun(outputs: outputs, rowBytes: matrix.rowBytes, threads: team.threads)
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

  /// Bytes of memory that `multiplyRows` needs beside its scratch.
  public func splitScratchBytes(inputs: Int, rows: Int) -> Int {
    rows > 1 && inputType != .bf16 ? rows * Self.inputStride(columns: inputs) * 4 : 0
  }

  /// Rows as the dot products of several rows read them: float32 in another order.
  ///
  /// - Parameter rows: the most that any part has.
  func split(
    _ inputs: MatrixInputs, rows: Int, _ columns: Int, rowBytes: Int
  ) -> UnsafeRawPointer {
    guard rows > 1, inputs.type == .float32 || inputs.type == .float32OfBF16 else {
      return inputs.rows
    }
    let stride = rowBytes / MemoryLayout<Float>.stride
    let destination = reserveSplit(bytes: rows * rowBytes).assumingMemoryBound(to: Float.self)
    let source = inputs.rows.assumingMemoryBound(to: Float.self)
    let perItem = 32
    team.forEach((rows + perItem - 1) / perItem) { item, _ in
      for row in item * perItem..<min(rows, (item + 1) * perItem) {
        table.split(source + row * stride, columns, destination + row * stride)
      }
    }
    return UnsafeRawPointer(destination)
  }

  /// One item of the call under way.
  func multiplyRows(ofItem item: Int, thread: Int) {
    let part = part(ofItem: item)
    let call = RowsOfPart(rowsCall!, part.rows)
    let outputs = part.outputs(ofItem: item)
    let weights = part.weights
    if let chunks = rowsCall!.chunks {
      return sumRows(of: part, outputs: outputs, call, chunks, item: item, thread: thread)
    }
    let destination = call.outputs! + part.column + (outputs.lowerBound - part.range.lowerBound)
    if weights.format.blocks != nil {
      let panel = Int(RF_PANEL_COLUMNS)
      // What no item has asked for yet.
      if item < team.threads { rf_prefetch(weights.row(outputs.lowerBound), Self.bytesAhead) }
      for start in stride(from: outputs.lowerBound, to: outputs.upperBound, by: panel) {
        let range = start..<min(start + panel, outputs.upperBound)
        let place = destination + (start - outputs.lowerBound)
        if call.inputs.type == .int8 {
          let ahead =
            range.upperBound == outputs.upperBound
            ? weightsOfNextItem() : weights.row(range.upperBound)
          multiplyInt8(part, outputs: range, ahead: ahead, call, into: place, thread: thread)
        } else {
          multiplyUnpacked(weights, outputs: range, call, into: place, thread: thread)
        }
      }
    } else if weights.format.isScaled {
      multiplyScaled(weights, outputs: outputs, call, into: destination, thread: thread)
    } else {
      multiplyDots(
        (weights.row(outputs.lowerBound), weights.format), outputs: outputs.count,
        inputs: weights.inputs, call, into: destination)
    }
    guard !weights.bias.isEmpty else { return }
    weights.bias.withUnsafeBufferPointer { bias in
      for row in 0..<call.rows {
        let sums = destination + row * call.outputStride
        for output in outputs { sums[output - outputs.lowerBound] += bias[output] }
      }
    }
  }

  /// Groups of a panel that are packed and multiplied at a time: they stay in the first-level cache,
  /// and are whole blocks of every format.
  static let groupsPerChunk = 8

  /// What a panel leaves to be asked for of the memory that it is told to read ahead.
  static let bytesAhead = 4096

  /// Where the weights begin that this thread is likely to read after its item.
  func weightsOfNextItem() -> UnsafeRawPointer {
    let item = min(team.nextItem, rowsItems - 1)
    let part = part(ofItem: item)
    let weights = part.weights.row(part.outputs(ofItem: item).lowerBound)
    rf_prefetch(weights, Self.bytesAhead)
    return weights
  }

  private func part(ofItem item: Int) -> RowsPart { rowsParts.last { $0.firstItem <= item }! }

  /// A panel of int8, chunk by chunk, of which the sums go on in the outputs.
  private func multiplyInt8(
    _ part: RowsPart, outputs: Range<Int>, ahead: UnsafeRawPointer, _ call: RowsOfPart,
    into destination: UnsafeMutablePointer<Float>, thread: Int
  ) {
    let weights = part.weights
    let rows = weights.row(outputs.lowerBound)
    if let dot = part.dotOfPanel, outputs.count == Int(RF_PANEL_COLUMNS) {
      dot(
        rows, weights.rowBytes, weights.inputs / weights.format.elementsPerBlock, 1, ahead,
        call.inputs.rows, destination)
      return
    }
    let blocks = weights.format.blocks!
    let (pack, matrix) = (blocks.pack(table), blocks.matrix(table))
    let panel = scratch(of: thread)
    let groups = weights.inputs / 32
    let inputs = call.inputs.rows
    let blockBytes = weights.format.bytesPerBlock
    var product = rf_int8_product(
      inputs: inputs, rows: call.rows, rowBytes: call.inputRowBytes, groups: groups,
      panel: UnsafeRawPointer(panel))
    product.outputs = destination
    product.output_stride = call.outputStride
    product.columns = outputs.count
    var ahead = ahead
    for first in stride(from: 0, to: groups, by: Self.groupsPerChunk) {
      let count = min(Self.groupsPerChunk, groups - first)
      let blockCount = count / blocks.groups
      pack(
        rows + first / blocks.groups * blockBytes, weights.rowBytes, outputs.count, blockCount,
        ahead, panel)
      ahead += outputs.count * blockCount * blockBytes
      product.group_count = count
      product.inputs = (inputs + 32 * first).assumingMemoryBound(to: Int8.self)
      product.groups = (inputs + 32 * (groups + first)).assumingMemoryBound(
        to: rf_int8_group.self)
      product.continues = first > 0
      matrix(&product)
    }
  }

  /// A panel of another input type, or its rows where there are no panels.
  private func multiplyUnpacked(
    _ weights: WeightMatrix, outputs: Range<Int>, _ call: RowsOfPart,
    into destination: UnsafeMutablePointer<Float>, thread: Int
  ) {
    let inputs = call.inputs.rows
    let panel = Int(RF_PANEL_COLUMNS)
    let microtile = Int(RF_MICROTILE_ROWS)
    guard multipliesPanels else {
      let row = scratch(of: thread).assumingMemoryBound(to: Float.self)
      for output in outputs {
        weights.format.unpackRow(
          weights.row(output), count: weights.inputs, into: row, with: table)
        for index in 0..<call.rows {
          table.dot_4_float32_float32(
            row, weights.inputs, 1, weights.inputs, 1, inputs + index * call.inputRowBytes,
            destination + index * call.outputStride + (output - outputs.lowerBound))
        }
      }
      return
    }
    assert(outputs.count <= panel)
    let packed = packed(
      weights, outputs: outputs, into: scratch(of: thread) + unpackingScratchBytes, thread: thread)
    for row in stride(from: 0, to: call.rows, by: microtile) {
      inputKernels.matrix(
        min(microtile, call.rows - row), weights.inputs, inputs + row * call.inputRowBytes,
        call.inputRowBytes / inputType.bytes, packed, destination + row * call.outputStride,
        call.outputStride, outputs.count, nil, false)
    }
  }

  /// Dot products with rows of a format that is multiplied as it is.
  func multiplyDots(
    _ weights: (rows: UnsafeRawPointer, format: WeightFormat), outputs: Int, inputs: Int,
    _ call: RowsOfPart, into destination: UnsafeMutablePointer<Float>
  ) {
    let kernels = weights.format.kernels!(self)
    if call.rows > 1 {
      kernels.dotsOfSeveralInputs(
        weights.rows, inputs, outputs, inputs, call.splitInputs, call.rows,
        call.inputRowBytes / inputType.bytes, destination, call.outputStride)
      return
    }
    let rowBytes = weights.format.rowBytes(inputs: inputs)
    for first in stride(from: 0, to: outputs, by: 4) {
      kernels.dotsOfOneInput(
        weights.rows + first * rowBytes, inputs, min(4, outputs - first), inputs, 1,
        call.inputs.rows, destination + first)
    }
  }
}

/// One call of `multiplyRows`, for its threads.
struct RowsCall {
  let inputs: MatrixInputs
  /// The same in the order in which dot products of several rows read float32.
  let splitInputs: UnsafeRawPointer
  let inputRowBytes: Int
  /// `[rows][outputStride]` float32; nil where sums of chunks are wanted.
  let outputs: UnsafeMutablePointer<Float>?
  let outputStride: Int
  /// Where outputs are sums over chunks of the inputs.
  var chunks: ChunkCall?
}

/// The part of such a call that is of one matrix.
struct RowsPart {
  let weights: WeightMatrix
  /// The outputs that are computed.
  let range: Range<Int>
  /// Of which of the call's rows.
  let rows: Range<Int>
  /// Where the first of them stands among all of a row.
  let column: Int
  /// How many of them are one item.
  let perItem: Int
  let firstItem: Int
  /// What multiplies one row with a panel of blocks as they lie, where there is such a kernel.
  let dotOfPanel: rf_dot_blocks_function?

  func outputs(ofItem item: Int) -> Range<Int> {
    let first = range.lowerBound + (item - firstItem) * perItem
    return first..<min(range.upperBound, first + perItem)
  }
}

/// A call as a part of its rows sees it.
struct RowsOfPart {
  let inputs: MatrixInputs
  let splitInputs: UnsafeRawPointer
  /// Their number, and the first among those of the call.
  let rows: Int
  let firstRow: Int
  let inputRowBytes: Int
  let outputs: UnsafeMutablePointer<Float>?
  let outputStride: Int
  /// `[rows]`: what chunks' sums are multiplied with; nil for nothing.
  let rowWeights: UnsafePointer<Float>?

  init(_ call: RowsCall, _ rows: Range<Int>) {
    let offset = rows.lowerBound * call.inputRowBytes
    inputs = MatrixInputs(call.inputs.rows + offset, call.inputs.type)
    splitInputs = call.splitInputs + offset
    self.rows = rows.count
    firstRow = rows.lowerBound
    inputRowBytes = call.inputRowBytes
    outputs = call.outputs.map { $0 + rows.lowerBound * call.outputStride }
    outputStride = call.outputStride
    rowWeights = call.chunks?.rowWeights.map { $0 + rows.lowerBound }
  }
}
