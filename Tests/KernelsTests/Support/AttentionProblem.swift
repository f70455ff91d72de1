import Kernels

/// Queries, keys and values of one layer, also stored in KV blocks, and attention on any of those
/// blocks in any order.
final class AttentionProblem {
  let arithmetic: Arithmetic
  let shape: AttentionShape
  let pattern: AttentionPattern
  let tokens: Int
  /// `[queryHeads]`; empty for none.
  var sinks: [Float] = []
  /// `[tokens][queryHeads][headDimension]`, rounded to the matrix input type.
  let queries: [Float]
  /// `[tokens][keyValueHeads][headDimension]`, rounded, as `values`.
  let keys: [Float]
  let values: [Float]

  private let layout: KeyValueLayout
  /// `[blocks][keyValueHeads][layout.headBytes]`.
  private let blocks: AlignedBuffer<UInt8>
  /// `[keyValueHeads][tokens][groupSize][headDimension]` matrix input.
  private let queryRows: MatrixInput

  /// Normally distributed queries, keys and values.
  ///
  /// - Parameter queryScale: the standard deviation of the queries, so about that of the scores.
  convenience init(
    _ configuration: Configuration, shape: AttentionShape, tokens: Int, window: Int? = nil,
    queryScale: Float = 1, threads: Int = 1
  ) {
    let d = shape.headDimension
    self.init(
      configuration, shape: shape, tokens: tokens, window: window, threads: threads,
      queries: normalNumbers(tokens * shape.queryHeads * d, scale: queryScale, seed: 1),
      keys: normalNumbers(tokens * shape.keyValueHeads * d, seed: 2))
  }

  /// One head whose queries and keys are given by token; the values are normally distributed.
  convenience init(
    _ configuration: Configuration, shape: AttentionShape, tokens: Int, window: Int? = nil,
    queryRows: (Int) -> [Float], keyRows: (Int) -> [Float]
  ) {
    self.init(
      configuration, shape: shape, tokens: tokens, window: window, threads: 1,
      queries: (0..<tokens).flatMap(queryRows), keys: (0..<tokens).flatMap(keyRows))
  }

  private init(
    _ configuration: Configuration, shape: AttentionShape, tokens: Int, window: Int?, threads: Int,
    queries: [Float], keys: [Float]
  ) {
    arithmetic = configuration.arithmetic(threads: threads)
    self.shape = shape
    self.tokens = tokens
    pattern = AttentionPattern(slidingWindow: window)
    let d = shape.headDimension
    self.queries = queries.map(configuration.rounded)
    self.keys = keys.map(configuration.rounded)
    values = normalNumbers(tokens * shape.keyValueHeads * d, seed: 3).map(configuration.rounded)

    layout = arithmetic.keyValueLayout(shape)
    let count = (tokens + tokensPerBlock - 1) / tokensPerBlock
    blocks = AlignedBuffer(count: count * layout.blockBytes)
    var grouped: [Float] = []
    grouped.reserveCapacity(queries.count)
    for head in 0..<shape.keyValueHeads {
      for token in 0..<tokens {
        let first = (token * shape.queryHeads + head * shape.groupSize) * d
        grouped += self.queries[first..<first + shape.groupSize * d]
      }
    }
    queryRows = MatrixInput(arithmetic, grouped, columns: d, stride: shape.paddedHeadDimension)
    self.keys.withUnsafeBufferPointer { keys in
      values.withUnsafeBufferPointer { values in
        for token in 0..<tokens {
          let row = token * shape.keyValueHeads * d
          arithmetic.store(
            keys: keys.baseAddress! + row, values: values.baseAddress! + row,
            token: token % tokensPerBlock, into: self.head(0, of: token / tokensPerBlock),
            layout: layout)
        }
      }
    }
    arithmetic.reserveAttentionScratch(shape: shape, rows: tokensPerBlock * shape.groupSize)
  }

  var blockCount: Int { (tokens + tokensPerBlock - 1) / tokensPerBlock }
  var stateLayout: SoftmaxStateLayout {
    arithmetic.stateLayout(headDimension: shape.headDimension)
  }
  var stateRow: Int { stateLayout.rowElements }

  private func head(_ head: Int, of block: Int) -> UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(blocks.pointer) + block * layout.blockBytes + head * layout.headBytes
  }

  /// States of all heads of the tokens in `range`, none of which has seen a key.
  func emptyStates(_ range: Range<Int>) -> [Double] {
    let rows = range.count * shape.queryHeads
    var states = [Double](repeating: .nan, count: rows * stateRow)
    stateLayout.clear(&states, count: rows)
    return states
  }

  /// Attends the tokens in `range` to `blocks` in that order, `tokensPerCall` at a time.
  ///
  /// - Parameters:
  ///   - states: `[keyValueHeads][range.count][groupSize]` rows.
  ///   - sums: where a KV head's first token leaves what it gives a block; nil for nowhere.
  func attend(
    _ range: Range<Int>, to blocks: [Int], tokensPerCall: Int? = nil, thread: Int = 0,
    states: inout [Double],
    sums: (_ head: Int, _ token: Int, _ block: Int) -> NumeratorSums? = {
      _, _, _ in nil
    }
  ) {
    let tokensPerCall = tokensPerCall ?? arithmetic.tokensPerTile(shape)
    states.withUnsafeMutableBufferPointer { states in
      for head in 0..<shape.keyValueHeads {
        for first in stride(from: range.lowerBound, to: range.upperBound, by: tokensPerCall) {
          let count = min(tokensPerCall, range.upperBound - first)
          var tile = QueryTile(
            rows: queryRows.row((head * tokens + first) * shape.groupSize),
            count: count * shape.groupSize, position: first, headsPerToken: shape.groupSize)
          let row = (head * range.count + first - range.lowerBound) * shape.groupSize
          for block in blocks {
            tile.sums = sums(head, first - range.lowerBound, block)
            arithmetic.attend(
              tile, to: self.head(head, of: block), block: block, pattern: pattern, layout: layout,
              states: states.baseAddress! + row * stateRow, thread: thread)
          }
        }
      }
    }
  }

  /// Merges the rows of `newcomers` into those of `states`.
  func merge(_ newcomers: [Double], into states: inout [Double]) {
    newcomers.withUnsafeBufferPointer { newcomers in
      states.withUnsafeMutableBufferPointer { states in
        for row in stride(from: 0, to: states.count, by: stateRow) {
          stateLayout.merge(newcomers.baseAddress! + row, into: states.baseAddress! + row)
        }
      }
    }
  }

  /// The outputs of states of the tokens in `range`, with the sinks: `[range.count][queryHeads][headDimension]`.
  func finish(_ range: Range<Int>, states: [Double]) -> [Float] {
    let output = MatrixInput(
      arithmetic, rows: range.count * shape.queryHeads, columns: shape.headDimension,
      stride: shape.headDimension)
    let sinks = AttentionSinks(sinks)
    var states = states
    states.withUnsafeMutableBufferPointer { states in
      for head in 0..<shape.queryHeads {
        for token in 0..<range.count {
          let (keyHead, inGroup) = head.quotientAndRemainder(dividingBy: shape.groupSize)
          let row = (keyHead * range.count + token) * shape.groupSize + inGroup
          let state = states.baseAddress! + row * stateRow
          stateLayout.merge(sinks, ofHead: head, into: state)
          arithmetic.finish(
            state, headDimension: shape.headDimension,
            into: output.row(token * shape.queryHeads + head))
        }
      }
    }
    return output.values
  }

  /// Attention of the tokens in `range` to all blocks: `[range.count][queryHeads][headDimension]`.
  func output(
    _ range: Range<Int>, order: [Int]? = nil, tokensPerCall: Int? = nil, thread: Int = 0
  ) -> [Float] {
    var states = emptyStates(range)
    attend(
      range, to: order ?? Array(0..<blockCount), tokensPerCall: tokensPerCall, thread: thread,
      states: &states)
    return finish(range, states: states)
  }
}
