import Kernels

/// Queries of one rank's tokens in a layer, in tiles that are attended to blocks as these come to hand; the
/// states of all rows are kept in between.
struct TileAttention {
  let layer: LayerAttention
  let layout: KeyValueLayout
  let tiles: [Tile]
  /// As in `queryLayout`.
  let queries: UnsafeRawPointer
  let queryLayout: QueryLayout
  /// `[queryLayout.rows]` rows of `stateLayout`.
  let states: UnsafeMutablePointer<Double>
  let stateLayout: SoftmaxStateLayout

  /// - Parameters:
  ///   - share: whose tokens attend.
  ///   - queries: of all of these, as `Arithmetic.queryLayout` says.
  ///   - states: room for the states of all rows.
  init(
    _ layer: LayerAttention, _ layout: KeyValueLayout, of share: SequenceShare,
    queries: UnsafeRawPointer, states: UnsafeMutablePointer<Double>, _ arithmetic: Arithmetic
  ) {
    self.layer = layer
    self.layout = layout
    self.queries = queries
    self.states = states
    tiles = Tile.all(of: share, tokensPerTile: arithmetic.tokensPerTile(layout.shape))
    queryLayout = arithmetic.queryLayout(layout.shape, tokens: share.tokenCount)
    stateLayout = arithmetic.stateLayout(headDimension: layout.shape.headDimension)
  }

  /// What happens while tiles are computed.
  struct Meanwhile {
    let stop: PrefillStop?
    /// Called by the calling thread between small pieces of work.
    let poll: () -> Void
    /// Told, by the calling thread, which part of the work is done: 0…1.
    let onProgress: (Double) -> Void
  }

  /// Attends all tiles to the blocks that they see: every tile and KV head is a work item, the most
  /// expensive tiles first.
  ///
  /// - Parameters:
  ///   - blocks: their numbers in the sequence, ascending.
  ///   - isFirst: whether the states are to be empty before.
  ///   - output: takes what is attended, `[tokens][inputStride(queryHeads · headDimension)]` matrix input, if
  ///     these blocks are the last.
  ///   - keysAndValues: one head's part of the block of that index into `blocks`.
  func attend(
    to blocks: [Int], isFirst: Bool, output: UnsafeMutableRawPointer?, _ arithmetic: Arithmetic,
    during meanwhile: Meanwhile,
    at keysAndValues: (_ index: Int, _ head: Int) -> UnsafeRawPointer
  ) {
    let (heads, group) = (layout.shape.keyValueHeads, layout.shape.groupSize)
    let (pattern, stop, poll) = (layer.pattern, meanwhile.stop, meanwhile.poll)
    let stateRow = stateLayout.rowElements
    arithmetic.reserveAttentionScratch(
      shape: layout.shape, rows: arithmetic.tokensPerTile(layout.shape) * group)
    blocks.withUnsafeBufferPointer { blocks in
      tiles.withUnsafeBufferPointer { tiles in
        arithmetic.team.forEach(tiles.count * heads, betweenItems: poll) { item, thread in
          if stop?.abandonsLayer == true { return }
          if thread == 0 { meanwhile.onProgress(Double(item) / Double(tiles.count * heads)) }
          let tile = tiles[tiles.count - 1 - item / heads]
          let head = item % heads
          let firstRow = queryLayout.row(head: head, token: tile.token)
          let rows = tile.tokens * group
          let tileStates = states + firstRow * stateRow
          if isFirst { stateLayout.clear(tileStates, count: rows) }
          let query = QueryTile(
            rows: queries + queryLayout.offset(ofRow: firstRow), count: rows,
            position: tile.position,
            headsPerToken: group)
          let visible = { pattern.block(tile.position / tokensPerBlock, sees: blocks[$0]) }
          var index = blocks.indices.first(where: visible)
          while let current = index {
            let next = blocks[(current + 1)...].indices.first(where: visible)
            arithmetic.attend(
              query, to: keysAndValues(current, head), next: next.map { keysAndValues($0, head) },
              block: blocks[current], pattern: pattern, layout: layout, states: tileStates,
              thread: thread
            )
            if thread == 0 { poll() }
            if stop?.abandonsLayer == true { return }
            index = next
          }
          if let output { finish(tile, head: head, into: output, arithmetic) }
        }
      }
    }
  }

  /// Divides the states of all rows, which are those of the whole sequence, the sinks merged.
  ///
  /// - Parameter output: as of `attend`.
  func finish(into output: UnsafeMutableRawPointer, _ arithmetic: Arithmetic) {
    let heads = layout.shape.keyValueHeads
    arithmetic.team.forEach(tiles.count * heads) { item, _ in
      finish(tiles[item / heads], head: item % heads, into: output, arithmetic)
    }
  }

  private func finish(
    _ tile: Tile, head: Int, into output: UnsafeMutableRawPointer, _ arithmetic: Arithmetic
  ) {
    let (d, group) = (layout.shape.headDimension, layout.shape.groupSize)
    let outputStride = arithmetic.inputRowBytes(columns: layout.shape.queryHeads * d)
    let tileStates =
      states + queryLayout.row(head: head, token: tile.token) * stateLayout.rowElements
    for row in 0..<tile.tokens * group {
      let queryHead = head * group + row % group
      let state = tileStates + row * stateLayout.rowElements
      stateLayout.merge(layer.sinks, ofHead: queryHead, into: state)
      arithmetic.finish(
        state, headDimension: d,
        into: output + (tile.token + row / group) * outputStride
          + queryHead * d * arithmetic.inputType.bytes)
    }
  }
}

/// Neighbouring tokens of one block that are attended together.
struct Tile {
  /// Place of the first among the rank's tokens, and its global position.
  let token: Int
  let position: Int
  let tokens: Int

  /// All tiles of a rank, in ascending order, aligned to the sequence as blocks are.
  static func all(of share: SequenceShare, tokensPerTile: Int) -> [Tile] {
    share.blocks.indices.flatMap { block in
      let tokens = share.tokens(ofBlock: block)
      let first = share.position(ofToken: tokens.lowerBound)
      let end = first + tokens.count
      return stride(from: first / tokensPerTile * tokensPerTile, to: end, by: tokensPerTile).map {
        let position = max(first, $0)
        return Tile(
          token: tokens.lowerBound + position - first, position: position,
          tokens: min($0 + tokensPerTile, end) - position)
      }
    }
  }
}
