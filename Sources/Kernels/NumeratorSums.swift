import CKernels

// How much of a row's softmax falls on some neighbouring keys of a block is the sum of their numerators
// p, which are at hand while the block is attended. The sums of all runs of a block are p times a matrix
// of ones, and so come from the microkernel that multiplies p by the values, in its one order: what a
// record says follows from the row and the block alone, as the row's state does.

/// A division of a block's 256 keys into runs of neighbours, 16 at most.
public struct KeyRuns: Sendable, Equatable {
  public static let most = 16

  /// Ascending, from 0 to 256: run i has the keys `bounds[i]..<bounds[i + 1]`.
  public let bounds: [Int]

  public init(bounds: [Int]) {
    precondition(
      bounds.first == 0 && bounds.last == tokensPerBlock && bounds.count <= Self.most + 1
        && zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 },
      "1 to 16 runs make up a block")
    self.bounds = bounds
  }

  public var count: Int { bounds.count - 1 }
  public subscript(run: Int) -> Range<Int> { bounds[run]..<bounds[run + 1] }
}

/// What sums numerators by the runs of a block, for one arithmetic.
public final class RunMatrix {
  let runs: KeyRuns
  /// A panel of 16 columns as `rf_accumulate_values_function` reads it, 1 where a key is in a run.
  fileprivate let panel: AlignedBuffer<UInt8>

  init(_ runs: KeyRuns, _ type: InputType) {
    self.runs = runs
    panel = AlignedBuffer(count: tokensPerBlock * KeyRuns.most * type.bytes)
    let start = UnsafeMutableRawPointer(panel.pointer)
    for run in 0..<runs.count {
      for key in runs[run] {
        if type == .bf16 {
          let pair = key / 2 * 2 * KeyRuns.most + run * 2 + key % 2
          start.storeBytes(
            of: BFloat16(1).bitPattern, toByteOffset: pair * 2, as: UInt16.self)
        } else {
          start.storeBytes(
            of: 1, toByteOffset: (key * KeyRuns.most + run) * 4, as: Float.self)
        }
      }
    }
  }
}

/// What one row gave a block: float32, so that there is little of it.
public struct NumeratorRecord: BitwiseCopyable {
  /// The sums of p over the runs, and over the whole block.
  public var runs = InlineArray<16, Float>(repeating: 0)
  public var total: Float = 0
  /// The block's M: an integer, or −∞ where the row sees none of its keys.
  public var maximum: Float = -.infinity

  public init() {}

  public var vector: SIMD16<Float> {
    var vector = SIMD16<Float>()
    for run in 0..<KeyRuns.most { vector[run] = runs[run] }
    return vector
  }
}

/// Where attention of a tile to one block leaves its records.
public struct NumeratorSums {
  let matrix: RunMatrix
  /// Of the tile's first head, for the recorded row number 0.
  let records: UnsafeMutablePointer<NumeratorRecord>
  /// The number of each of the tile's tokens among those that are recorded; below 0 for none.
  let rowOfToken: UnsafePointer<Int32>
  /// Records from one recorded row to the next; those of a token's heads are neighbours.
  let rowStride: Int

  public init(
    _ matrix: RunMatrix, records: UnsafeMutablePointer<NumeratorRecord>,
    rowOfToken: UnsafePointer<Int32>, rowStride: Int
  ) {
    self.matrix = matrix
    self.records = records
    self.rowOfToken = rowOfToken
    self.rowStride = rowStride
  }

  /// Nil for a row that is not recorded.
  fileprivate func record(
    ofRow row: Int, headsPerToken: Int
  ) -> UnsafeMutablePointer<NumeratorRecord>? {
    let recorded = Int(rowOfToken[row / headsPerToken])
    return recorded < 0 ? nil : records + recorded * rowStride + row % headsPerToken
  }
}

extension Arithmetic {
  public func runMatrix(_ runs: KeyRuns) -> RunMatrix { RunMatrix(runs, inputType) }

  /// Records numerators that panels are multiplied by.
  ///
  /// - Parameters:
  ///   - rows: of the tile.
  ///   - keys: those that some row sees, in whole panels.
  ///   - numerators: `[rows][256]` of the input type.
  ///   - states: of the tile, the block's M and l merged, `stateRow` elements apart.
  ///   - scratch: `[rows]` factors of that merge, then room for `[rows][16]` Float64.
  func record(
    _ tile: QueryTile, rows: Range<Int>, keys: Range<Int>, numerators: UnsafeRawPointer,
    states: UnsafePointer<Double>, stateRow: Int, scratch: RecordScratch
  ) {
    guard let sums = tile.sums else { return }
    let (microtile, columns) = (Int(RF_MICROTILE_ROWS), KeyRuns.most)
    let bytes = inputType.bytes
    for row in 0..<rows.count {
      scratch.ones[row] = rf_merge_factors(state: 0, block: 1)
      (scratch.sums + row * columns).update(repeating: 0, count: columns)
    }
    for row in stride(from: 0, to: rows.count, by: microtile) {
      inputKernels.accumulate_values(
        min(microtile, rows.count - row), keys.count,
        numerators + (row * tokensPerBlock + keys.lowerBound) * bytes, tokensPerBlock,
        UnsafeRawPointer(sums.matrix.panel.pointer) + keys.lowerBound * columns * bytes, columns,
        scratch.sums + row * columns, columns, 0, scratch.ones + row)
    }
    for row in 0..<rows.count {
      guard
        let record = sums.record(ofRow: rows.lowerBound + row, headsPerToken: tile.headsPerToken)
      else { continue }
      let own = scratch.sums + row * columns
      record.pointee.set(
        maximum: states[(rows.lowerBound + row) * stateRow], factor: scratch.factors[row].block
      ) { own[$0] }
    }
  }

  /// Records numerators of one row that OpenBLAS multiplies.
  ///
  /// - Parameters:
  ///   - numerators: `[256]`.
  ///   - maximum: the row's, the block's merged.
  func record(
    _ tile: QueryTile, row: Int, numerators: UnsafePointer<Float>, maximum: Double,
    factor: Double
  ) {
    guard let sums = tile.sums,
      let record = sums.record(ofRow: row, headsPerToken: tile.headsPerToken)
    else { return }
    let runs = sums.matrix.runs
    record.pointee.set(maximum: maximum, factor: factor) { run in
      run < runs.count ? runs[run].reduce(0) { $0 + Double(numerators[$1]) } : 0
    }
  }
}

/// Where the sums of some rows stand for a moment.
struct RecordScratch {
  /// `[rows]`: what the states were merged with.
  let factors: UnsafePointer<rf_merge_factors>
  /// `[rows]`
  let ones: UnsafeMutablePointer<rf_merge_factors>
  /// `[rows][16]`
  let sums: UnsafeMutablePointer<Double>

  /// Bytes of one row.
  static let rowBytes =
    MemoryLayout<rf_merge_factors>.stride + KeyRuns.most * MemoryLayout<Double>.stride

  /// - Parameter memory: for so many rows.
  init(
    factors: UnsafePointer<rf_merge_factors>, rows: Int, in memory: UnsafeMutableRawPointer
  ) {
    self.factors = factors
    ones = memory.assumingMemoryBound(to: rf_merge_factors.self)
    sums = UnsafeMutableRawPointer(ones + rows).assumingMemoryBound(to: Double.self)
  }
}

extension NumeratorRecord {
  /// - Parameters:
  ///   - maximum: the row's M with the block merged.
  ///   - factor: 2^(the block's M − maximum), or 0 for a block of which nothing is left beside the
  ///     others.
  fileprivate mutating func set(
    maximum: Double, factor: Double, sum: (_ run: Int) -> Double
  ) {
    guard factor > 0, maximum.isFinite else {
      self = NumeratorRecord()
      return
    }
    var total = 0.0
    for run in 0..<KeyRuns.most {
      let value = sum(run)
      runs[run] = Float(value)
      total += value
    }
    self.total = Float(total)
    self.maximum = Float(maximum) + Float(factor.exponent)
  }
}
