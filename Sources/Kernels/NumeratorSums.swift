import CKernels

// How much of a row's softmax falls on some neighbouring keys of a block is the sum of their numerators
// p, which are at hand while the block is attended. They are summed in one order, so that a record
// follows from the row and the block alone, as the row's state does.

/// A division of a block's 256 keys into runs of neighbours, 16 at most.
public struct KeyRuns: Sendable, Equatable {
  public static let most = 16
  /// Sixteen runs of sixteen keys.
  public static let even = KeyRuns(
    bounds: Array(stride(from: 0, through: tokensPerBlock, by: tokensPerBlock / most)))

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

/// What one row gave a block.
public struct BlockTotal: Sendable, BitwiseCopyable {
  /// The sum of p over all keys.
  public let sum: Float
  /// The block's M: an integer, or −∞ where the row sees none of its keys.
  public let maximum: Float

  /// Of a block of which the row sees nothing.
  static let none = BlockTotal(sum: 0, maximum: -.infinity)
}

/// Where attention of a tile to one block leaves the sums of numerators: of the tile's first head, for the
/// recorded row number 0. Those of a token's heads are neighbours.
public struct NumeratorSums {
  /// `[runs + 1]`: the bounds of the block's runs; nil for even ones.
  let bounds: UnsafeBufferPointer<Int>?
  let totals: UnsafeMutablePointer<BlockTotal>
  /// Over each run, 0 behind the last one: float32, so that there is little of it.
  let runs: UnsafeMutablePointer<SIMD16<Float>>
  /// The number of each of the tile's tokens among those that are recorded; below 0 for none.
  let rowOfToken: UnsafePointer<Int32>
  /// Elements from one recorded row to the next.
  let rowStride: Int
  /// A block that has less than that of what its row has seen so far leaves its total alone, where its
  /// runs are even.
  let leastShare: Double

  public init(
    bounds: UnsafeBufferPointer<Int>?, totals: UnsafeMutablePointer<BlockTotal>,
    runs: UnsafeMutablePointer<SIMD16<Float>>, rowOfToken: UnsafePointer<Int32>, rowStride: Int,
    leastShare: Double
  ) {
    self.bounds = bounds
    self.totals = totals
    self.runs = runs
    self.rowOfToken = rowOfToken
    self.rowStride = rowStride
    self.leastShare = leastShare
  }

  /// The sums over the runs.
  ///
  /// - Parameters:
  ///   - groups: over each 16 keys.
  ///   - numerator: of one key.
  fileprivate func sums(
    of groups: UnsafePointer<Float>, _ numerator: (_ key: Int) -> Float
  ) -> SIMD16<Float> {
    let size = tokensPerBlock / KeyRuns.most
    guard let bounds else {
      return UnsafeRawPointer(groups).loadUnaligned(as: SIMD16<Float>.self)
    }
    var runs = SIMD16<Float>.zero
    for run in 0..<bounds.count - 1 {
      var key = bounds[run]
      while key < bounds[run + 1] {
        let isWhole = key % size == 0 && key + size <= bounds[run + 1]
        runs[run] += isWhole ? groups[key / size] : numerator(key)
        key += isWhole ? size : 1
      }
    }
    return runs
  }
}

/// Softmax states with which the M and l of a block are merged.
struct MergedStates {
  /// `[rows of the tile]`, `stateRow` elements apart.
  let states: UnsafePointer<Double>
  let stateRow: Int
  /// `[recorded rows]`: what they were merged with.
  let factors: UnsafePointer<rf_merge_factors>
}

extension Arithmetic {
  /// Records some rows of a tile whose numerators are at hand.
  ///
  /// - Parameters:
  ///   - numerators: `[rows][256]` of the input type.
  ///   - merged: the states of the tile, the block's M and l in them.
  ///   - groups: room for `[rows][16]`.
  func record(
    _ tile: QueryTile, rows: Range<Int>, numerators: UnsafeRawPointer,
    merged: MergedStates,
    groups: UnsafeMutablePointer<Float>
  ) {
    guard let sums = tile.sums else { return }
    inputKernels.group_sums(rows.count, numerators, groups)
    var (token, head) = rows.lowerBound.quotientAndRemainder(dividingBy: tile.headsPerToken)
    for row in 0..<rows.count {
      let recorded = Int(sums.rowOfToken[token])
      if recorded >= 0 {
        let first = row * tokensPerBlock
        let runs = sums.sums(of: groups + row * KeyRuns.most) { key in
          inputType == .bf16
            ? numerators.assumingMemoryBound(to: BFloat16.self)[first + key].float
            : numerators.assumingMemoryBound(to: Float.self)[first + key]
        }
        let place = recorded * sums.rowStride + head
        let state = merged.states + (rows.lowerBound + row) * merged.stateRow
        let factor = merged.factors[row].block
        let total = BlockTotal(runs, maximum: state[0], factor: factor)
        sums.totals[place] = total
        if sums.bounds != nil || Double(total.sum) * factor >= sums.leastShare * state[1] {
          sums.runs[place] = runs
        }
      }
      head += 1
      if head == tile.headsPerToken { (token, head) = (token + 1, 0) }
    }
  }
}

extension BlockTotal {
  /// - Parameters:
  ///   - maximum: the row's M with the block merged.
  ///   - factor: 2^(the block's M − maximum), a normal number, or 0 for a block of which nothing is left
  ///     beside the others.
  fileprivate init(_ runs: SIMD16<Float>, maximum: Double, factor: Double) {
    guard factor > 0, maximum.isFinite else {
      self = .none
      return
    }
    let eight = runs.lowHalf + runs.highHalf
    let four = eight.lowHalf + eight.highHalf
    let two = four.lowHalf + four.highHalf
    self.init(
      sum: two.x + two.y, maximum: Float(maximum) + Float(Int(factor.bitPattern >> 52) - 1023))
  }
}
