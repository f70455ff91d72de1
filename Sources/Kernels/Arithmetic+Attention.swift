import CKernels
import COpenBLAS

// Flash attention (Dao et al. 2022) of a tile of query rows on one KV block. Goals, in this order:
// a row's partial (M, l, o) of a block follows from the row and the block alone; every p is
// computed once; speed.
//
// p = 2^(s − M) with M the block's own integer maximum: n = round(s), f = s − n, 2^f by a
// polynomial, the exponent n − M exactly. p is rounded to the matrix input type before it is
// summed, so l adds what multiplies V.

/// Query rows that are neighbours: `[tokens][heads of the group]`, every row `[headDimension]`
/// matrix input.
public struct QueryTile {
  public let rows: UnsafeRawPointer
  public let count: Int
  /// The global position of the first row's token.
  public let position: Int
  public let headsPerToken: Int

  public init(rows: UnsafeRawPointer, count: Int, position: Int, headsPerToken: Int) {
    self.rows = rows
    self.count = count
    self.position = position
    self.headsPerToken = headsPerToken
  }

  func visibleKeys(row: Int, block: Int, mask: AttentionMask) -> Range<Int> {
    mask.visibleKeys(position: position + row / headsPerToken, block: block)
  }
}

extension Arithmetic {
  /// Tokens whose query heads are attended together.
  ///
  /// A tile reads each KV block once from memory for all its rows: at 256 rows of d = 128 the
  /// arithmetic takes a hundred times as long as the read. More rows would push the states of the
  /// tile out of the second-level cache. OpenBLAS packs the block anew in every call, which more
  /// rows pay for.
  public func tokensPerTile(_ shape: AttentionShape) -> Int {
    shape.tokensPerTile(mostRows: attendsRowsAlone ? 384 : 1024)
  }

  /// Whether a row's bits are the same with any other rows in the call: the own microkernels compute
  /// each by itself, OpenBLAS may round differently for another number of rows.
  public var attendsRowsAlone: Bool { inputKernels.scores_6x64 != nil }

  /// Rows whose scores are at hand at once: 4 microtiles, so that a panel of keys is read from the
  /// first-level cache for three of them, and scores and numerators (36 KB) stay in the second
  /// level.
  private static let rowsAtOnce = 4 * Int(RF_MICROTILE_ROWS)

  /// Bytes of scratch that `attend` needs on each thread for tiles of `rows` rows.
  public func attentionScratchBytes(shape: AttentionShape, rows: Int) -> Int {
    let dimension = shape.paddedHeadDimension
    let floats =
      attendsRowsAlone
      ? Self.rowsAtOnce * tokensPerBlock * 2
      : rows * (tokensPerBlock + dimension) + 2 * tokensPerBlock * dimension
    return floats * 4 + Self.rowsAtOnce * 2 * 8
  }

  /// Reserves them, before the threads start.
  public func reserveAttentionScratch(shape: AttentionShape, rows: Int) {
    reserveScratch(bytes: attentionScratchBytes(shape: shape, rows: rows))
  }

  /// Attends a tile to one KV block and merges the result into the tile's states.
  ///
  /// - Parameters:
  ///   - head: one head's part of the block, `layout.headBytes`; keys behind the sequence's end are
  ///     zeros.
  ///   - block: the block's number in the global sequence.
  ///   - states: `[tile.count]` rows as in `SoftmaxStateLayout`.
  public func attend(
    _ tile: QueryTile, to head: UnsafeRawPointer, block: Int, mask: AttentionMask,
    layout: KeyValueLayout, states: UnsafeMutablePointer<Double>, thread: Int
  ) {
    if attendsRowsAlone {
      for first in stride(from: 0, to: tile.count, by: Self.rowsAtOnce) {
        attendPacked(
          tile, rows: first..<min(tile.count, first + Self.rowsAtOnce), to: head, block: block,
          mask: mask, layout: layout, states: states, thread: thread)
      }
    } else {
      attendWidened(
        tile, to: head, block: block, mask: mask, layout: layout, states: states, thread: thread)
    }
  }

  private func attendPacked(
    _ tile: QueryTile, rows: Range<Int>, to head: UnsafeRawPointer, block: Int, mask: AttentionMask,
    layout: KeyValueLayout, states: UnsafeMutablePointer<Double>, thread: Int
  ) {
    // Positions rise with the rows, so the first row sees the earliest key and the last row the
    // latest.
    let earliest = tile.visibleKeys(row: rows.lowerBound, block: block, mask: mask)
    let latest = tile.visibleKeys(row: rows.upperBound - 1, block: block, mask: mask)
    guard latest.upperBound > 0, earliest.lowerBound < tokensPerBlock else { return }
    let panelKeys = Int(RF_PANEL_COLUMNS)
    let firstKey = earliest.lowerBound / panelKeys * panelKeys
    let endKey = (latest.upperBound + panelKeys - 1) / panelKeys * panelKeys
    guard firstKey < endKey else { return }

    let dimension = layout.shape.paddedHeadDimension
    let stateLayout = stateLayout(headDimension: dimension)
    let stateRow = stateLayout.rowElements
    let microtile = Int(RF_MICROTILE_ROWS)
    let bytes = inputType.bytes
    let values = head + layout.keyBytes
    // Scratch: scores [24][256] float32, numerators [24][256], factors [24] and [24] Float64.
    let scores = scratch(of: thread).assumingMemoryBound(to: Float.self)
    let numerators = UnsafeMutableRawPointer(scores + Self.rowsAtOnce * tokensPerBlock)
    let stateFactors = (numerators + Self.rowsAtOnce * tokensPerBlock * bytes)
      .assumingMemoryBound(to: Double.self)
    let blockFactors = stateFactors + Self.rowsAtOnce

    for key in stride(from: firstKey, to: endKey, by: panelKeys) {
      for row in stride(from: rows.lowerBound, to: rows.upperBound, by: microtile) {
        inputKernels.scores_6x64(
          min(microtile, rows.upperBound - row), dimension, tile.rows + row * dimension * bytes,
          dimension, head + key * dimension * bytes,
          scores + (row - rows.lowerBound) * tokensPerBlock + key, tokensPerBlock)
      }
    }
    for row in rows {
      let local = row - rows.lowerBound
      (stateFactors[local], blockFactors[local]) = softmax(
        scores + local * tokensPerBlock,
        visible: tile.visibleKeys(row: row, block: block, mask: mask),
        shape: layout.shape, numerators: numerators + local * tokensPerBlock * bytes,
        numeratorBytes: bytes, state: states + row * stateRow, stateLayout: stateLayout)
    }
    let step = min(layout.valuePanelColumns, Int(RF_PANEL_COLUMNS))
    for column in stride(from: 0, to: dimension, by: step) {
      let panel = column / layout.valuePanelColumns * layout.valuePanelColumns
      let width = min(layout.valuePanelColumns, dimension - panel)
      let first =
        panel * tokensPerBlock + firstKey * width + layout.interleave * (column - panel)
      for row in stride(from: rows.lowerBound, to: rows.upperBound, by: microtile) {
        let local = row - rows.lowerBound
        inputKernels.accumulate_values_6x64(
          min(microtile, rows.upperBound - row), endKey - firstKey,
          numerators + (local * tokensPerBlock + firstKey) * bytes, tokensPerBlock,
          values + first * bytes, width, min(step, dimension - column),
          states + row * stateRow + SoftmaxStateLayout.header + column, stateRow, dimension,
          stateFactors + local, blockFactors + local)
      }
    }
  }

  private func attendWidened(
    _ tile: QueryTile, to head: UnsafeRawPointer, block: Int, mask: AttentionMask,
    layout: KeyValueLayout, states: UnsafeMutablePointer<Double>, thread: Int
  ) {
    let earliest = tile.visibleKeys(row: 0, block: block, mask: mask)
    let latest = tile.visibleKeys(row: tile.count - 1, block: block, mask: mask)
    guard latest.upperBound > 0, earliest.lowerBound < tokensPerBlock else { return }
    let dimension = layout.shape.paddedHeadDimension
    let stateLayout = stateLayout(headDimension: dimension)
    let stateRow = stateLayout.rowElements
    // Scratch: scores, then numerators in their place [rows][256]; partial o [rows][d]; keys and
    // values [256][d].
    let scores = scratch(of: thread).assumingMemoryBound(to: Float.self)
    let partial = scores + tile.count * tokensPerBlock
    let widened = partial + tile.count * dimension
    let keys: UnsafePointer<Float>
    let values: UnsafePointer<Float>
    if layout.elementBytes == 4 {
      keys = head.assumingMemoryBound(to: Float.self)
      values = keys + tokensPerBlock * dimension
    } else {
      table.widen(
        head.assumingMemoryBound(to: UInt16.self), 2 * tokensPerBlock * dimension, widened)
      keys = UnsafePointer(widened)
      values = keys + tokensPerBlock * dimension
    }

    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasTrans, Int32(tile.count), Int32(tokensPerBlock),
      Int32(dimension), 1, tile.rows.assumingMemoryBound(to: Float.self), Int32(dimension), keys,
      Int32(dimension), 0, scores, Int32(tokensPerBlock))
    withUnsafeTemporaryAllocation(of: (state: Double, block: Double).self, capacity: tile.count) {
      factors in
      for row in 0..<tile.count {
        let rowScores = scores + row * tokensPerBlock
        factors[row] = softmax(
          rowScores, visible: tile.visibleKeys(row: row, block: block, mask: mask),
          shape: layout.shape, numerators: rowScores, numeratorBytes: 4,
          state: states + row * stateRow, stateLayout: stateLayout)
      }
      cblas_sgemm(
        CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(tile.count), Int32(dimension),
        Int32(tokensPerBlock), 1, scores, Int32(tokensPerBlock), values, Int32(dimension), 0,
        partial, Int32(dimension))
      for row in 0..<tile.count {
        let o = states + row * stateRow + SoftmaxStateLayout.header
        table.merge(
          partial + row * dimension, dimension, o, stateLayout.isCompensated ? o + dimension : nil,
          factors[row].state, factors[row].block)
      }
    }
  }

  /// One row's numerators against a block; M and l of its state are updated, and what is returned
  /// multiplies its o and the block's.
  private func softmax(
    _ scores: UnsafeMutablePointer<Float>, visible: Range<Int>, shape: AttentionShape,
    numerators: UnsafeMutableRawPointer, numeratorBytes: Int,
    state: UnsafeMutablePointer<Double>, stateLayout: SoftmaxStateLayout
  ) -> (state: Double, block: Double) {
    guard !visible.isEmpty else {
      numerators.initializeMemory(
        as: UInt8.self, repeating: 0, count: tokensPerBlock * numeratorBytes)
      return (1, 0)
    }
    if let cap = shape.scoreSoftCap {
      table.soft_cap(scores + visible.lowerBound, visible.count, cap.inner, cap.outer)
    }
    var maximum: Float = 0
    var sum: Float = 0
    inputKernels.softmax_256(
      scores, shape.scoreScale, visible.lowerBound, visible.upperBound, numerators, &maximum, &sum)
    let by = SoftmaxStateLayout.factors(state[0], Double(maximum))
    state[0] = by.maximum
    stateLayout.addSum(Double(sum), rest: 0, to: state, by: by)
    return (by.state, by.newcomer)
  }
}
