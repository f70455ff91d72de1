import Kernels
import MPI

extension AttentionTrace {
  /// The scores of all passages for each row of the step that has run, on rank 0; elsewhere none. Every
  /// rank calls this, and no number of ranks or threads changes a bit.
  ///
  /// - Parameter layers: all of the model.
  /// - Returns: `[rows][passages]`; of what is no passage, 0.
  /// - Throws: `MPIError`.
  public func scores(
    _ layers: [LayerAttention], _ communicator: Communicator
  ) throws -> [[PassageScore]] {
    guard !rows.isEmpty else { return [] }
    let counted = layers.filter { plan.headsOfLayer[$0.index] != nil }
    let blocks = rows.map(ownBlocks)
    findMaxima(counted, blocks)
    try communicator.allReduce(values: values(memory[plan.maxima], plan.heads), .maximum)
    findSums(counted, blocks)
    try communicator.allReduce(values: values(memory[plan.sums], 2 * plan.heads), .sum)
    addSinks(counted)
    findShares(counted)

    let scored = score(counted, blocks)
    guard let all = try communicator.gather(array: scored, to: 0) else { return [] }
    var scores = rows.map { _ in
      [PassageScore](repeating: PassageScore(), count: plan.passages.count)
    }
    for block in all.joined() {
      let first = Int(block.block) * KeyRuns.most
      for run in 0..<KeyRuns.most { scores[Int(block.row)][first + run] = block.scores[run] }
    }
    return scores
  }

  /// The scores of one block's passages for one row, as they go to rank 0.
  struct BlockScores: BitwiseCopyable {
    let row: Int32
    let block: Int32
    var scores = InlineArray<16, PassageScore>(repeating: PassageScore())
  }

  private func values<Element>(
    _ start: UnsafeMutablePointer<Element>, _ countOfRow: Int
  ) -> UnsafeMutableBufferPointer<Element> {
    UnsafeMutableBufferPointer(start: start, count: rows.count * countOfRow)
  }

  /// Calls `body` for each row and layer, on all threads, with the numbers of the layer's heads among all
  /// that are counted.
  private func forEachLayer(
    _ layers: [LayerAttention],
    _ body: (_ row: Int, _ layer: LayerAttention, _ heads: Range<Int>) -> Void
  ) {
    arithmetic.team.forEach(rows.count * layers.count) { item, _ in
      let (row, index) = item.quotientAndRemainder(dividingBy: layers.count)
      body(row, layers[index], heads(of: layers[index]))
    }
  }

  private func heads(of layer: LayerAttention) -> Range<Int> { plan.headsOfLayer[layer.index]! }

  /// M of this rank's keys.
  private func findMaxima(_ layers: [LayerAttention], _ blocks: [[OwnBlock]]) {
    let maxima = memory[plan.maxima]
    forEachLayer(layers) { row, layer, heads in
      let own = maxima + row * plan.heads
      for head in heads { own[head] = -.infinity }
      forEachBlock(ofRow: row, layer, in: blocks[row]) { totals, _ in
        for head in heads { own[head] = max(own[head], Double(totals[head].maximum)) }
      }
    }
  }

  /// l of this rank's keys under the M of all, and that of the first tokens.
  private func findSums(_ layers: [LayerAttention], _ blocks: [[OwnBlock]]) {
    let (maxima, sums) = (memory[plan.maxima], memory[plan.sums])
    forEachLayer(layers) { row, layer, heads in
      let start = row * plan.heads
      let first = (rows.count + row) * plan.heads
      for head in heads { (sums[start + head], sums[first + head]) = (0, 0) }
      forEachBlock(ofRow: row, layer, in: blocks[row]) { totals, own in
        for head in heads {
          let unit = FixedPoint.units(totals[head].maximum, under: maxima[start + head])
          sums[start + head] += FixedPoint.integer(totals[head].sum, unit)
          guard own.block == 0 else { continue }
          let runs = memory[plan.runs][self.start(ofRow: row, place: own.place) + head]
          sums[first + head] += FixedPoint.integer(runs[0], unit)
        }
      }
    }
  }

  /// A learned sink takes part as the first tokens do.
  private func addSinks(_ layers: [LayerAttention]) {
    for row in rows.indices {
      for layer in layers where !layer.sinks.isEmpty {
        for (number, head) in heads(of: layer).enumerated() {
          let place = row * plan.heads + head
          let sink = layer.sinks.share(ofHead: number, under: memory[plan.maxima][place])
          // Beside a sink that is 2^20 times all keys together, they have no share.
          let units = FixedPoint.integer(min(sink, 0x1p20), FixedPoint.one)
          memory[plan.sums][place] += units
          memory[plan.sums][rows.count * plan.heads + place] += units
        }
      }
    }
  }

  private func findShares(_ layers: [LayerAttention]) {
    let (maxima, sums) = (memory[plan.maxima], memory[plan.sums])
    forEachLayer(layers) { row, layer, heads in
      let position = rows[row].position
      let first = layer.pattern.visibleKeys(position: position, block: 0)
        .clamped(to: 0..<ContextPassages.firstTokens)
      let others = max(1, layer.pattern.visibleKeyCount(position: position) - first.count)
      for head in heads {
        let place = row * plan.heads + head
        let (l, ofFirst) = (Double(sums[place]), Double(sums[rows.count * plan.heads + place]))
        (memory[plan.shares] + place).initialize(
          to: HeadShares(
            maximum: maxima[place], ofUnit: l > 0 ? 1 / l : 0,
            even: l > 0 ? (1 - ofFirst / l) / Double(others) : 0))
      }
    }
  }

  /// Calls `body` with the totals of each of a row's blocks of which the layer sees a key.
  private func forEachBlock(
    ofRow row: Int, _ layer: LayerAttention, in blocks: [OwnBlock],
    _ body: (_ totals: UnsafePointer<BlockTotal>, _ block: OwnBlock) -> Void
  ) {
    let (position, totals) = (rows[row].position, memory[plan.totals])
    for own in blocks
    where !layer.pattern.visibleKeys(position: position, block: own.block).isEmpty {
      body(totals + start(ofRow: row, place: own.place), own)
    }
  }

  /// The scores of this rank's blocks, but those without any.
  private func score(
    _ layers: [LayerAttention], _ blocks: [[OwnBlock]]
  ) -> [BlockScores] {
    let items = rows.indices.flatMap { row in
      blocks[row].filter { $0.block < plan.passages.blocks }.map { (row: row, own: $0) }
    }
    var scores = items.map { BlockScores(row: Int32($0.row), block: Int32($0.own.block)) }
    scores.withUnsafeMutableBufferPointer { scores in
      nonisolated(unsafe) let scores = scores
      arithmetic.team.forEach(items.count) { item, _ in
        score(items[item].own, ofRow: items[item].row, layers, into: &scores[item])
      }
    }
    return scores.filter { block in
      (0..<KeyRuns.most).contains { block.scores[$0].score > 0 }
    }
  }

  private func score(
    _ own: OwnBlock, ofRow row: Int, _ layers: [LayerAttention], into scores: inout BlockScores
  ) {
    let position = rows[row].position
    let runs = plan.passages.runs(ofBlock: own.block)
    let start = start(ofRow: row, place: own.place)
    var isSource = SIMD16<Double>.zero
    for run in 0..<runs.count {
      let tokens = plan.passages.tokens(of: own.block * KeyRuns.most + run)
      let isNear = tokens.upperBound + PassageScore.nearestTokens > position + 1
      isSource[run] = tokens.isEmpty || isNear ? 0 : 1
    }
    guard isSource != .zero else { return }
    var sum = SIMD16<Double>.zero
    var most = SIMD16<Double>.zero
    var (keys, keysSeen) = (SIMD16<Double>.zero, 0..<0)
    for layer in layers {
      let seen = layer.pattern.visibleKeys(position: position, block: own.block)
      guard !seen.isEmpty else { continue }
      if seen != keysSeen {
        for run in 0..<runs.count { keys[run] = Double(runs[run].clamped(to: seen).count) }
        keysSeen = seen
      }
      let ofLayer = isSource * score(start, layer, row: row, keys: keys)
      sum += ofLayer
      guard ofLayer != .zero else { continue }
      for run in 0..<runs.count where ofLayer[run] > most[run] {
        most[run] = ofLayer[run]
        scores.scores[run].layer = Int32(layer.index)
      }
    }
    for run in 0..<runs.count { scores.scores[run].score = Float(sum[run]) }
  }

  /// What one layer's heads give the passages of a block, whose sums begin at `start`.
  private func score(
    _ start: Int, _ layer: LayerAttention, row: Int, keys: SIMD16<Double>
  ) -> SIMD16<Double> {
    let shares = memory[plan.shares] + row * plan.heads
    let (totals, runs) = (memory[plan.totals] + start, memory[plan.runs] + start)
    var score = SIMD16<Double>.zero
    for head in heads(of: layer) {
      let (total, share) = (totals[head], shares[head])
      let unit = FixedPoint.units(total.maximum, under: share.maximum) * share.ofUnit
      // Most blocks of most heads have less than that in all, and then their runs may be missing.
      guard Double(total.sum) * unit >= PassageScore.leastExcess else { continue }
      score += PassageScore.cubedExcess(
        shares: unit * SIMD16<Double>(runs[head]), keys: keys, evenShare: share.even)
    }
    return score
  }
}

/// What makes shares of one head's sums.
struct HeadShares: BitwiseCopyable {
  /// M of all keys.
  let maximum: Double
  /// The share that 2^-32 is; 0 where there are no keys.
  let ofUnit: Double
  /// That of one key in an even spread of what is not on the first tokens.
  let even: Double
}

/// Numbers of 2^-32: of a row of 2^24 keys, whose p are 1 at most, the sum is below 2^56.
enum FixedPoint {
  /// How many of them 1 is.
  static let one = 0x1p32

  /// How many of them 1 is of a block whose M is `maximum`, where that of all is `all`; 0 where it is too
  /// far below, or the block has no keys.
  static func units(_ maximum: Float, under all: Double) -> Double {
    let exponent = Double(maximum) - all
    guard exponent >= -64, exponent <= 0 else { return 0 }
    return Double(bitPattern: UInt64(1023 + 32 + Int(exponent)) << 52)
  }

  /// The integer below; 0 for what is no number.
  static func integer(_ value: Float, _ unit: Double) -> Int {
    integer(Double(value), unit)
  }

  static func integer(_ value: Double, _ unit: Double) -> Int {
    let product = value * unit
    return product >= 0 && product < 0x1p58 ? Int(product) : 0
  }
}
