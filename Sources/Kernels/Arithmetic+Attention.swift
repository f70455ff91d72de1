import CKernels

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
  /// Where to tell how much of a block's keys the rows take; nil for nowhere.
  public var sums: NumeratorSums?

  public init(
    rows: UnsafeRawPointer, count: Int, position: Int, headsPerToken: Int,
    sums: NumeratorSums? = nil
  ) {
    self.rows = rows
    self.count = count
    self.position = position
    self.headsPerToken = headsPerToken
    self.sums = sums
  }

  func visibleKeys(row: Int, block: Int, pattern: AttentionPattern) -> Range<Int> {
    pattern.visibleKeys(position: position + row / headsPerToken, block: block)
  }
}

extension Arithmetic {
  /// Tokens whose query heads are attended together.
  public func tokensPerTile(_ shape: AttentionShape) -> Int {
    shape.tokensPerTile(
      mostRows: multipliesPanels
        ? Self.rowsPerTile(
          headDimension: shape.paddedHeadDimension,
          stateLayout: stateLayout(
            headDimension: shape.headDimension), inputType: inputType,
          cacheBytes: CacheSizes.host.secondLevelBytes)
        : 1024)
  }

  /// Most rows of a tile: as many as leave it in the second-level cache, with its states and the KV
  /// block that it attends to. A tile reads each block once from memory for all its rows, and widens
  /// it once where it has to be; at 256 rows that is a hundredth of the arithmetic.
  ///
  /// OpenBLAS packs the block anew in every call, so it gets more rows.
  public static func rowsPerTile(
    headDimension: Int, stateLayout: SoftmaxStateLayout, inputType: InputType, cacheBytes: Int
  ) -> Int {
    let block = 2 * tokensPerBlock * headDimension * inputType.bytes
    let row = stateLayout.rowElements * 8 + headDimension * inputType.bytes
    // A quarter is left for scores, and for what else passes through.
    return max(4 * Int(RF_MICROTILE_ROWS), (cacheBytes * 3 / 4 - block) / row)
  }

  /// Rows whose scores are at hand at once: two microtiles, so that scores and numerators stay near
  /// and each panel of keys and values is used twice while it is in the first-level cache.
  private static let rowsAtOnce = 2 * Int(RF_MICROTILE_ROWS)

  /// Bytes of scratch that `attend` needs on each thread for tiles of `rows` rows.
  public func attentionScratchBytes(shape: AttentionShape, rows: Int) -> Int {
    let dimension = shape.paddedHeadDimension
    let block = 2 * tokensPerBlock * dimension
    guard multipliesPanels else { return (rows * (tokensPerBlock + dimension) + block) * 4 }
    let widened =
      keyValueFormat == .q8
      ? block / 2 * inputType.bytes : inputType == .float32OfBF16 ? block * 4 : 0
    return Self.rowsAtOnce
      * (tokensPerBlock * (4 + inputType.bytes) + 32 + 4 * KeyRuns.most) + widened
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
  ///   - next: what the thread attends to after this, as `head`; nil where that lies behind it in
  ///     memory, or there is nothing.
  ///   - states: `[tile.count]` rows as in `SoftmaxStateLayout`.
  public func attend(
    _ tile: QueryTile, to head: UnsafeRawPointer, next: UnsafeRawPointer? = nil, block: Int,
    pattern: AttentionPattern, layout: KeyValueLayout, states: UnsafeMutablePointer<Double>,
    thread: Int
  ) {
    // Positions rise with the rows, so the first row sees the earliest key and the last row the
    // latest.
    let earliest = tile.visibleKeys(row: 0, block: block, pattern: pattern)
    let latest = tile.visibleKeys(row: tile.count - 1, block: block, pattern: pattern)
    guard latest.upperBound > 0, earliest.lowerBound < tokensPerBlock else { return }
    guard multipliesPanels else {
      attendWidened(
        tile, to: head, block: block, pattern: pattern, layout: layout, states: states,
        thread: thread)
      return
    }
    var panels = Panels(
      keys: head, values: head + layout.keyBytes, elementBytes: layout.elementBytes,
      matrix: inputKernels.matrix, accumulateValues: inputKernels.accumulate_values)
    var scratch = scratch(of: thread)
    if layout.format == .q8 {
      panels.values = UnsafeRawPointer(scratch)
      panels.elementBytes = inputType.bytes
      scratch += tokensPerBlock * layout.shape.paddedHeadDimension * inputType.bytes
      if tile.count > Self.rowsAtOnce {
        for column in stride(
          from: 0, to: layout.shape.paddedHeadDimension, by: Int(RF_PANEL_COLUMNS))
        {
          widenValues(head + layout.keyBytes, column: column, layout: layout, into: panels)
        }
      } else {
        panels.quantizedValues = head + layout.keyBytes
      }
    } else if inputType == .float32OfBF16 {
      if tile.count > Int(RF_MICROTILE_ROWS) {
        let widened = scratch.assumingMemoryBound(to: Float.self)
        layout.widen(head, into: widened, with: table.widen_pairs)
        panels.keys = UnsafeRawPointer(widened)
        panels.values = panels.keys + 2 * layout.keyBytes
        panels.elementBytes = 4
        scratch += 4 * layout.keyBytes
      } else {
        panels.matrix = table.matrix_pairs
        panels.accumulateValues = table.accumulate_values_pairs
      }
    }
    let isMasked = earliest.upperBound < tokensPerBlock || latest.lowerBound > 0
    for first in stride(from: 0, to: tile.count, by: Self.rowsAtOnce) {
      if let next {
        // A part of the next block with each part of the rows.
        let start = layout.headBytes * first / tile.count
        let end = layout.headBytes * min(tile.count, first + Self.rowsAtOnce) / tile.count
        rf_prefetch(next + start, end - start)
      }
      attendPanels(
        tile, rows: first..<min(tile.count, first + Self.rowsAtOnce), panels: panels, block: block,
        pattern: isMasked ? pattern : nil, layout: layout, states: states, scratch: scratch)
    }
  }

  /// Attends some rows of a tile to a block whose keys and values are panels of the input type.
  ///
  /// - Parameter pattern: nil where every row sees the whole block.
  private func attendPanels(
    _ tile: QueryTile, rows: Range<Int>, panels: Panels, block: Int, pattern: AttentionPattern?,
    layout: KeyValueLayout,
    states: UnsafeMutablePointer<Double>, scratch: UnsafeMutableRawPointer
  ) {
    let panel = Int(RF_PANEL_COLUMNS)
    let microtile = Int(RF_MICROTILE_ROWS)
    let bytes = inputType.bytes
    let dimension = layout.shape.paddedHeadDimension
    let stateLayout = stateLayout(headDimension: dimension)
    let stateRow = stateLayout.rowElements
    // Scratch: scores [24][256] float32, numerators [24][256], factors [24], visible keys [24], what
    // records need [24][16] float32.
    let scores = scratch.assumingMemoryBound(to: Float.self)
    let numerators = UnsafeMutableRawPointer(scores + Self.rowsAtOnce * tokensPerBlock)
    let factors = (numerators + Self.rowsAtOnce * tokensPerBlock * bytes)
      .assumingMemoryBound(to: rf_merge_factors.self)

    // Keys that some row sees, in whole panels.
    var seen = 0..<tokensPerBlock
    var visible: UnsafeMutablePointer<rf_visible_keys>?
    if let pattern {
      let ofRows = UnsafeMutableRawPointer(factors + Self.rowsAtOnce)
        .assumingMemoryBound(to: rf_visible_keys.self)
      for row in rows {
        let keys = tile.visibleKeys(row: row, block: block, pattern: pattern)
        ofRows[row - rows.lowerBound] = rf_visible_keys(
          begin: UInt16(keys.lowerBound), end: UInt16(keys.upperBound))
      }
      let end = Int(ofRows[rows.count - 1].end)
      seen = min(Int(ofRows[0].begin) / panel * panel, end)..<(end + panel - 1) / panel * panel
      guard !seen.isEmpty else { return }
      visible = ofRows
    }

    let rowBytes = queryRowBytes(layout.shape)
    for key in stride(from: seen.lowerBound, to: seen.upperBound, by: panel) {
      if layout.format == .q8 {
        let bytes = layout.groups * layout.keyGroupBytes
        let keys = panels.keys + key / panel * bytes
        multiplyQuantizedKeys(
          tile.rows + rows.lowerBound * rowBytes, count: rows.count, rowBytes: rowBytes,
          panel: keys, groups: layout.groups,
          ahead: panels.quantizedValues == nil ? nil : keys + Int(RF_CACHE_AHEAD),
          into: scores + key)
        continue
      }
      for row in stride(from: rows.lowerBound, to: rows.upperBound, by: microtile) {
        panels.matrix(
          min(microtile, rows.upperBound - row), dimension, tile.rows + row * rowBytes,
          dimension, panels.keys + key * dimension * panels.elementBytes,
          scores + (row - rows.lowerBound) * tokensPerBlock + key, tokensPerBlock, panel, nil, false
        )
      }
    }
    if let cap = layout.shape.scoreSoftCap {
      for row in 0..<rows.count {
        table.soft_cap(
          scores + row * tokensPerBlock + seen.lowerBound, seen.count, cap.inner, cap.outer)
      }
    }
    inputKernels.softmax(
      rows.count, scores, layout.shape.scoreScale, visible, numerators,
      states + rows.lowerBound * stateRow, stateRow, factors)
    record(
      tile, rows: rows, numerators: numerators,
      merged: MergedStates(states: states, stateRow: stateRow, factors: factors),
      groups: (numerators + Self.rowsAtOnce * (tokensPerBlock * bytes + 32))
        .assumingMemoryBound(to: Float.self))
    for column in stride(from: 0, to: dimension, by: panel) {
      let width = min(panel, dimension - column)
      if let values = panels.quantizedValues {
        widenValues(values, column: column, layout: layout, into: panels)
      }
      let first = column * tokensPerBlock + seen.lowerBound * width
      for row in stride(from: rows.lowerBound, to: rows.upperBound, by: microtile) {
        let local = row - rows.lowerBound
        panels.accumulateValues(
          min(microtile, rows.upperBound - row), seen.count,
          numerators + (local * tokensPerBlock + seen.lowerBound) * bytes, tokensPerBlock,
          panels.values + first * panels.elementBytes, width,
          states + row * stateRow + SoftmaxStateLayout.header + column,
          stateRow, stateLayout.isCompensated ? dimension : 0, factors + local)
      }
    }
  }

  /// A panel of q8 values in the input type, to its place in the scratch.
  private func widenValues(
    _ values: UnsafeRawPointer, column: Int, layout: KeyValueLayout, into panels: Panels
  ) {
    let panel = Int(RF_PANEL_COLUMNS)
    inputKernels.widen_values(
      values + column / panel * KeyValueLayout.quantizedPanelBytes,
      min(panel, layout.shape.paddedHeadDimension - column),
      UnsafeMutableRawPointer(mutating: panels.values) + column * tokensPerBlock * inputType.bytes)
  }

  private func attendWidened(
    _ tile: QueryTile, to head: UnsafeRawPointer, block: Int, pattern: AttentionPattern,
    layout: KeyValueLayout, states: UnsafeMutablePointer<Double>, thread: Int
  ) {
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
    if layout.format == .q8 {
      unpackRows(head, layout: layout, into: widened)
      keys = UnsafePointer(widened)
      values = keys + tokensPerBlock * dimension
    } else if layout.format == .fp32 {
      keys = head.assumingMemoryBound(to: Float.self)
      values = keys + tokensPerBlock * dimension
    } else {
      table.widen(
        head.assumingMemoryBound(to: UInt16.self), 2 * tokensPerBlock * dimension, widened)
      keys = UnsafePointer(widened)
      values = keys + tokensPerBlock * dimension
    }

    OpenBLAS.multiply(
      (tile.rows.assumingMemoryBound(to: Float.self), dimension), (keys, dimension),
      isRightTransposed: true, rows: tile.count, columns: tokensPerBlock, inner: dimension,
      into: (scores, tokensPerBlock, beta: 0))
    withUnsafeTemporaryAllocation(of: rf_merge_factors.self, capacity: tile.count) { factors in
      for row in 0..<tile.count {
        let rowScores = scores + row * tokensPerBlock
        let keys = tile.visibleKeys(row: row, block: block, pattern: pattern)
        if let cap = layout.shape.scoreSoftCap {
          table.soft_cap(rowScores + keys.lowerBound, keys.count, cap.inner, cap.outer)
        }
        var visible = rf_visible_keys(begin: UInt16(keys.lowerBound), end: UInt16(keys.upperBound))
        inputKernels.softmax(
          1, rowScores, layout.shape.scoreScale, &visible, rowScores, states + row * stateRow,
          stateRow, factors.baseAddress! + row)
      }
      // Where the products of values will be.
      record(
        tile, rows: 0..<tile.count, numerators: scores,
        merged: MergedStates(
          states: states, stateRow: stateRow, factors: factors.baseAddress!), groups: partial)
      OpenBLAS.multiply(
        (UnsafePointer(scores), tokensPerBlock), (values, dimension), isRightTransposed: false,
        rows: tile.count, columns: dimension, inner: tokensPerBlock,
        into: (partial, dimension, beta: 0))
      for row in 0..<tile.count {
        let o = states + row * stateRow + SoftmaxStateLayout.header
        table.merge(
          partial + row * dimension, dimension, o, stateLayout.isCompensated ? o + dimension : nil,
          factors[row].state, factors[row].block)
      }
    }
  }
}

/// One head's keys and values in panels, and what multiplies them.
private struct Panels {
  var keys: UnsafeRawPointer
  var values: UnsafeRawPointer
  var elementBytes: Int
  /// Where the values are q8 and have to be widened, panel by panel, before they are used.
  var quantizedValues: UnsafeRawPointer?
  var matrix: rf_matrix_function
  var accumulateValues: rf_accumulate_values_function
}
