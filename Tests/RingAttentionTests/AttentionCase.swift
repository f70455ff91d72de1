import Kernels
import RingAttention
import TestSupport

/// Queries, keys and values of a whole sequence for one layer, the same on every rank, and what
/// attention makes of them on one rank without any exchange.
final class AttentionCase {
  let shape: AttentionShape
  let pattern: AttentionPattern
  let tokens: Int
  /// `[queryHeads]`; empty for none.
  let sinks: [Float]
  /// `[tokens][queryHeads][headDimension]`, already rounded as the arithmetic rounds.
  let queries: [Float]
  /// `[tokens][keyValueHeads][headDimension]`, as `values`.
  let keys: [Float]
  let values: [Float]
  let arithmetic: Arithmetic
  let layout: KeyValueLayout
  /// Every block of the sequence: `[blocks][blockBytes]`.
  private let blocks: AlignedBuffer<UInt8>

  init(
    shape: AttentionShape, pattern: AttentionPattern, tokens: Int, sinks: [Float] = [],
    arithmetic: Arithmetic, seed: UInt64
  ) {
    self.shape = shape
    self.pattern = pattern
    self.tokens = tokens
    self.sinks = sinks
    self.arithmetic = arithmetic
    layout = arithmetic.keyValueLayout(shape)
    var generator = SplitMix64(seed: seed)
    func numbers(heads: Int, scale: Float) -> [Float] {
      (0..<tokens * heads * shape.headDimension).map { _ in
        let value = scale * Float(2 * generator.nextUniform() - 1)
        return arithmetic.precision == .bf16 ? BFloat16(value).float : value
      }
    }
    // Scores with a standard deviation of about 1.7: some keys count much more than others.
    queries = numbers(heads: shape.queryHeads, scale: 3)
    keys = numbers(heads: shape.keyValueHeads, scale: 1.7)
    values = numbers(heads: shape.keyValueHeads, scale: 1)
    let blockCount = (tokens + tokensPerBlock - 1) / tokensPerBlock
    blocks = AlignedBuffer(count: blockCount * layout.blockBytes)
    for position in 0..<tokens {
      store(position, into: blocks.pointer + position / tokensPerBlock * layout.blockBytes)
    }
  }

  /// As the layer of that number.
  func layer(_ index: Int) -> LayerAttention {
    LayerAttention(index: index, pattern: pattern, sinks: AttentionSinks(sinks))
  }

  /// Puts the keys and values of one token into its block.
  func store(_ position: Int, into block: UnsafeMutableRawPointer) {
    let width = shape.keyValueHeads * shape.headDimension
    let row = position * width..<(position + 1) * width
    keys[row].withUnsafeBufferPointer { keys in
      values[row].withUnsafeBufferPointer { values in
        arithmetic.store(
          keys: keys.baseAddress!, values: values.baseAddress!, token: position % tokensPerBlock,
          into: block, layout: layout)
      }
    }
  }

  /// The queries of some tokens as attention takes them.
  func queryRows(_ positions: [Int]) -> AlignedBuffer<UInt8> {
    let width = shape.queryHeads * shape.headDimension
    let layout = arithmetic.queryLayout(shape, tokens: positions.count)
    let rows = AlignedBuffer<UInt8>(count: positions.count * layout.tokenBytes)
    for (token, position) in positions.enumerated() {
      queries[position * width..<(position + 1) * width].withUnsafeBufferPointer {
        arithmetic.store(
          queries: $0.baseAddress!, token: token, into: rows.pointer, layout: layout)
      }
    }
    return rows
  }

  /// Bytes of one token's output.
  var outputBytes: Int {
    Arithmetic.inputStride(columns: shape.queryHeads * shape.headDimension)
      * arithmetic.inputType.bytes
  }

  /// The output of neighbouring tokens that are attended as one tile, on this rank alone, one block
  /// after the other: `[tokens][outputBytes]`.
  func outputAlone(_ positions: Range<Int>) -> [UInt8] {
    let d = shape.headDimension
    let group = shape.groupSize
    let rows = positions.count * group
    let stateLayout = arithmetic.stateLayout(headDimension: d)
    let stateRow = stateLayout.rowElements
    let states = AlignedBuffer<Double>(count: rows * stateRow)
    let queries = queryRows(Array(positions))
    let output = AlignedBuffer<UInt8>(count: positions.count * outputBytes)
    let inputBytes = arithmetic.inputType.bytes
    arithmetic.reserveAttentionScratch(shape: shape, rows: rows)
    for head in 0..<shape.keyValueHeads {
      stateLayout.clear(states.pointer, count: rows)
      let tile = QueryTile(
        rows: queries.pointer + head * rows * d * inputBytes, count: rows,
        position: positions.lowerBound, headsPerToken: group)
      for block in 0...(positions.upperBound - 1) / tokensPerBlock {
        arithmetic.attend(
          tile, to: blocks.pointer + block * layout.blockBytes + head * layout.headBytes,
          block: block, pattern: pattern, layout: layout, states: states.pointer, thread: 0)
      }
      for row in 0..<rows {
        let state = states.pointer + row * stateRow
        let queryHead = head * group + row % group
        stateLayout.merge(AttentionSinks(sinks), ofHead: queryHead, into: state)
        arithmetic.finish(
          state, headDimension: d,
          into: output.pointer + row / group * outputBytes + queryHead * d * inputBytes)
      }
    }
    return Array(output.elements)
  }

  /// One token's output as numbers, of its bytes: `[queryHeads · headDimension]`.
  func numbers(_ output: ArraySlice<UInt8>) -> [Float] {
    Array(output).withUnsafeBytes { bytes in
      (0..<shape.queryHeads * shape.headDimension).map {
        arithmetic.inputType == .bf16
          ? BFloat16(bitPattern: bytes.load(fromByteOffset: 2 * $0, as: UInt16.self)).float
          : bytes.load(fromByteOffset: 4 * $0, as: Float.self)
      }
    }
  }

  /// One token's output by the definition, in Float64.
  func exactOutput(_ position: Int, rounding: (Double) -> Double = { $0 }) -> [Double] {
    let row = shape.queryHeads * shape.headDimension
    return ReferenceAttention(shape, pattern, sinks: sinks).attend(
      queries: Array(queries[position * row..<(position + 1) * row]), keys: keys, values: values,
      firstPosition: position, rounding: rounding)
  }

  /// One token's output as a simple program in the same precision has it: in bf16, exact but for
  /// numerators and results, which are rounded; in fp32, every operation in float32, one key after
  /// the other.
  func naiveOutput(_ position: Int) -> [Double] {
    if arithmetic.precision == .bf16 {
      let round: (Double) -> Double = { Double(BFloat16(Float($0)).float) }
      return exactOutput(position, rounding: round).map(round)
    }
    let row = shape.queryHeads * shape.headDimension
    return ReferenceAttention(shape, pattern, sinks: sinks).attendInFloat32(
      query: Array(queries[position * row..<(position + 1) * row]), keys: keys, values: values,
      position: position
    ).map(Double.init)
  }
}

/// How far outputs are from the exact ones, beside what a naive computation in the same precision
/// loses.
struct ErrorComparison {
  private(set) var squaredError = 0.0
  private(set) var squaredNaiveError = 0.0

  /// - Parameter output: the token's, as bytes.
  mutating func add(_ output: ArraySlice<UInt8>, of attention: AttentionCase, position: Int) {
    let exact = attention.exactOutput(position)
    let naive = attention.naiveOutput(position)
    // A token that sees one key alone costs the naive computation nothing; float32 may still be
    // rounded once.
    let rounding = attention.arithmetic.precision == .fp32 ? 0x1p-24 : 0
    for ((output, naive), exact) in zip(zip(attention.numbers(output), naive), exact) {
      squaredError += (Double(output) - exact) * (Double(output) - exact)
      squaredNaiveError += max(abs(naive - exact), abs(exact) * rounding).squared
    }
  }
}

extension Double {
  fileprivate var squared: Double { self * self }
}
