import Kernels
import MPI

// A few tokens behind a long context: their queries are on every rank, each rank attends to its own
// blocks, and one all-reduce with the merge of softmax states as its operation makes every rank's
// state that of the whole sequence.

/// Attention of appended tokens to all tokens before them; used for all layers.
public final class AppendAttention {
  private let communicator: Communicator
  private let arithmetic: Arithmetic
  private let cache: KeyValueCache
  private let shape: AttentionShape
  /// Most tokens that are appended at once.
  public let capacity: Int
  private let stateLayout: SoftmaxStateLayout
  private let merge: ReductionOperation
  /// `[threads][keyValueHeads][capacity][groupSize]` rows of `SoftmaxStateLayout`; thread 0's is
  /// the rank's.
  private let states: AlignedBuffer<Double>

  public init(
    communicator: Communicator, arithmetic: Arithmetic, cache: KeyValueCache, capacity: Int
  ) throws {
    self.communicator = communicator
    self.arithmetic = arithmetic
    self.cache = cache
    self.capacity = capacity
    shape = cache.layout.shape
    stateLayout = arithmetic.stateLayout(headDimension: shape.headDimension)
    let rowElements = stateLayout.rowElements
    merge = try ReductionOperation(
      elementBytes: rowElements * 8, stateLayout.isCompensated ? mergeCompensated : mergePlain)
    states = AlignedBuffer(
      count: arithmetic.team.threads * capacity * shape.queryHeads * rowElements)
  }

  /// Attends `tokens` neighbouring tokens, the first at `position`, whose keys and values are in
  /// the cache already.
  ///
  /// A row's result is the same for any number of tokens at once.
  ///
  /// - Parameters:
  ///   - queries: `[keyValueHeads][tokens][groupSize][paddedHeadDimension]` matrix input, the same on
  ///     every rank.
  ///   - output: `[tokens][inputStride(queryHeads · headDimension)]` matrix input, the same on
  ///     every rank.
  /// - Throws: `MPIError`.
  public func attend(
    layer: Int, mask: AttentionMask, queries: UnsafeRawPointer, tokens: Int, position: Int,
    output: UnsafeMutableRawPointer
  ) throws -> AttentionWork {
    precondition(tokens <= capacity, "at most \(capacity) tokens are appended at once")
    let d = shape.headDimension
    let group = shape.groupSize
    let heads = shape.keyValueHeads
    let inputBytes = arithmetic.inputType.bytes
    let stateRow = stateLayout.rowElements
    let rows = heads * tokens * group
    let threads = arithmetic.team.threads
    let states = states.pointer
    let layout = cache.layout
    stateLayout.clear(states, count: threads * rows)
    // A token's bits must not depend on those that are appended with it.
    let tokensPerCall = arithmetic.multipliesPanels ? tokens : 1
    arithmetic.reserveAttentionScratch(shape: shape, rows: tokensPerCall * group)

    let lastBlock = (position + tokens - 1) / tokensPerBlock
    let firstVisible = cache.blocks.firstIndex {
      mask.block(position / tokensPerBlock, sees: $0) || $0 >= position / tokensPerBlock
    }
    let visible = (firstVisible ?? cache.blocks.count)..<cache.blocks.count
    // An item is a run of what lies one after the other in memory.
    let parts = visible.count * heads
    let items = min(
      parts, Arithmetic.runs(bytes: visible.count * layout.blockBytes, threads: threads))
    arithmetic.team.forEach(items) { item, thread in
      for part in parts * item / items..<parts * (item + 1) / items {
        let index = visible.lowerBound + part / heads
        let head = part % heads
        let block = cache.blocks[index]
        guard block <= lastBlock else { return }
        for first in stride(from: 0, to: tokens, by: tokensPerCall) {
          let row = (head * tokens + first) * group
          arithmetic.attend(
            QueryTile(
              rows: queries + row * shape.paddedHeadDimension * inputBytes,
              count: tokensPerCall * group,
              position: position + first, headsPerToken: group),
            to: cache.head(head, layer: layer, index: index), block: block, mask: mask,
            layout: layout, states: states + (thread * rows + row) * stateRow, thread: thread)
        }
      }
    }
    for thread in 1..<max(threads, 1) {
      for row in 0..<rows {
        stateLayout.merge(
          states + (thread * rows + row) * stateRow, into: states + row * stateRow)
      }
    }

    var work = AttentionWork()
    let computed = ContinuousClock.now
    if communicator.size > 1 {
      try communicator.allReduce(
        elements: UnsafeMutableRawBufferPointer(start: states, count: rows * stateRow * 8),
        with: merge)
      work.bytesSent = rows * stateRow * 8
    }
    work.exposedSeconds = (ContinuousClock.now - computed).seconds
    let outputStride = Arithmetic.inputStride(columns: shape.queryHeads * d) * inputBytes
    for head in 0..<heads {
      for row in 0..<tokens * group {
        arithmetic.finish(
          states + (head * tokens * group + row) * stateRow, headDimension: d,
          into: output + row / group * outputStride + (head * group + row % group) * d * inputBytes)
      }
    }
    // Every rank attends to what it owns; the sum over the ranks is what the whole sequence costs.
    work.flops =
      AttentionWork.flops(
        positions: position..<position + tokens, shape: shape, mask: mask)
      / Double(communicator.size)
    return work
  }
}

// The merge as an MPI reduction. An element is one row, whose head dimension follows from its size;
// a C function captures nothing, so there is one for each kind of row.

private let mergePlain: ReductionOperation.Function = {
  mergeRows($0, $1, $2, $3, isCompensated: false)
}

private let mergeCompensated: ReductionOperation.Function = {
  mergeRows($0, $1, $2, $3, isCompensated: true)
}

private func mergeRows(
  _ incoming: UnsafeMutableRawPointer?, _ accumulated: UnsafeMutableRawPointer?,
  _ count: UnsafeMutablePointer<Int32>?, _ datatype: UnsafeMutableRawPointer?, isCompensated: Bool
) {
  let rowElements = ReductionOperation.elementBytes(datatype) / MemoryLayout<Double>.stride
  let empty = SoftmaxStateLayout(headDimension: 0, isCompensated: isCompensated)
  let layout = SoftmaxStateLayout(
    headDimension: (rowElements - empty.rowElements) / (isCompensated ? 2 : 1),
    isCompensated: isCompensated)
  let rows = incoming!.assumingMemoryBound(to: Double.self)
  let states = accumulated!.assumingMemoryBound(to: Double.self)
  for row in 0..<Int(count!.pointee) {
    layout.merge(rows + row * rowElements, into: states + row * rowElements)
  }
}
