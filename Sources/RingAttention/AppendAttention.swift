import Kernels
import MPI

// A few tokens behind a long context, of one or several branches: their queries are on every rank,
// each rank attends to its own blocks, and one all-reduce with the merge of softmax states as its
// operation makes every rank's state that of the whole sequence.

/// Neighbouring tokens of one branch, among all that are appended at once.
public struct BranchTokens: Sendable, Equatable {
  public let branch: Int
  /// Their places among all tokens that are appended at once.
  public let range: Range<Int>
  /// The global position of the first.
  public let position: Int

  public init(branch: Int, range: Range<Int>, position: Int) {
    self.branch = branch
    self.range = range
    self.position = position
  }

  var lastPosition: Int { position + range.count - 1 }
}

/// Attention of appended tokens to all tokens before them; used for all layers.
public final class AppendAttention {
  private let communicator: Communicator
  private let arithmetic: Arithmetic
  private let context: KeyValueCache
  private let branches: BranchCache
  private let shape: AttentionShape
  /// Most tokens that are appended at once.
  public let capacity: Int
  private let stateLayout: SoftmaxStateLayout
  private let merge: ReductionOperation
  /// `[threads][keyValueHeads][capacity][groupSize]` rows of `SoftmaxStateLayout`; thread 0's is
  /// the rank's.
  private let states: AlignedBuffer<Double>
  /// What there is to attend to in one layer; kept, so that a step allocates nothing.
  private var parts: [Part] = []

  /// One block, and who attends to it.
  private struct Part {
    let block: Int
    /// The branch that the block belongs to, or nil for a place among the blocks of the context.
    let branch: Int?
    let index: Int
    let tokens: Range<Int>
    let position: Int
    /// Nil where every token sees the whole block.
    let mask: AttentionMask?
  }

  /// - Parameters:
  ///   - context: of its blocks, those that are not partly filled are attended.
  ///   - branches: all that is behind them.
  public init(
    communicator: Communicator, arithmetic: Arithmetic, context: KeyValueCache,
    branches: BranchCache, capacity: Int
  ) throws {
    self.communicator = communicator
    self.arithmetic = arithmetic
    self.context = context
    self.branches = branches
    self.capacity = capacity
    shape = context.layout.shape
    stateLayout = arithmetic.stateLayout(headDimension: shape.headDimension)
    let rowElements = stateLayout.rowElements
    merge = try ReductionOperation(
      elementBytes: rowElements * 8, stateLayout.isCompensated ? mergeCompensated : mergePlain)
    states = AlignedBuffer(
      count: arithmetic.team.threads * capacity * shape.queryHeads * rowElements)
  }

  /// Attends tokens whose keys and values are in their branches already.
  ///
  /// A token's result is the same whatever is appended at once with it.
  ///
  /// - Parameters:
  ///   - queries: `[keyValueHeads][tokens][groupSize][paddedHeadDimension]` matrix input, the same on
  ///     every rank.
  ///   - tokens: whose they are, without gaps; one entry a branch at most.
  ///   - output: `[tokens][inputStride(queryHeads · headDimension)]` matrix input, the same on
  ///     every rank.
  /// - Throws: `MPIError`.
  public func attend(
    layer: Int, mask: AttentionMask, queries: UnsafeRawPointer, tokens: [BranchTokens],
    output: UnsafeMutableRawPointer
  ) throws -> AttentionWork {
    let count = tokens.last?.range.upperBound ?? 0
    precondition(1...capacity ~= count, "1 to \(capacity) tokens are appended at once")
    listParts(of: tokens, mask: mask)
    attendToParts(layer: layer, queries: queries, count: count)

    var work = AttentionWork()
    let stateRow = stateLayout.rowElements
    let rows = count * shape.queryHeads
    let computed = ContinuousClock.now
    if communicator.size > 1 {
      try communicator.allReduce(
        elements: UnsafeMutableRawBufferPointer(start: states.pointer, count: rows * stateRow * 8),
        with: merge)
      work.bytesSent = rows * stateRow * 8
    }
    work.exposedSeconds = (ContinuousClock.now - computed).seconds
    finish(count: count, output: output)
    // Every rank attends to what it owns; the sum over the ranks is what the whole sequence costs.
    for part in tokens {
      work.flops +=
        AttentionWork.flops(
          positions: part.position..<part.position + part.range.count, shape: shape, mask: mask)
        / Double(communicator.size)
    }
    return work
  }

  /// The context's blocks that any token sees, then each branch's own.
  private func listParts(of tokens: [BranchTokens], mask: AttentionMask) {
    parts.removeAll(keepingCapacity: true)
    let latest = tokens.reduce(0) { max($0, $1.lastPosition) }
    for (index, block) in context.blocks.enumerated() where block < branches.firstBlock {
      if mask.visibleKeys(position: latest, block: block).lowerBound == 0 {
        parts.append(
          Part(
            block: block, branch: nil, index: index, tokens: 0..<tokens.last!.range.upperBound,
            position: branches.firstBlock * tokensPerBlock, mask: nil))
        continue
      }
      for run in tokens where mask.block(run.position / tokensPerBlock, sees: block) {
        parts.append(
          Part(
            block: block, branch: nil, index: index, tokens: run.range, position: run.position,
            mask: mask))
      }
    }
    for run in tokens {
      for block in branches.blocks(run.branch, upTo: run.lastPosition / tokensPerBlock)
      where mask.block(run.position / tokensPerBlock, sees: block)
        || block >= run.position / tokensPerBlock
      {
        parts.append(
          Part(
            block: block, branch: run.branch, index: 0, tokens: run.range, position: run.position,
            mask: mask))
      }
    }
  }

  /// Every thread attends to some of the parts, then thread 0's states take in the others'.
  private func attendToParts(layer: Int, queries: UnsafeRawPointer, count: Int) {
    let group = shape.groupSize
    let heads = shape.keyValueHeads
    let stateRow = stateLayout.rowElements
    let rows = count * shape.queryHeads
    let threads = arithmetic.team.threads
    let states = states.pointer
    let layout = context.layout
    let rowBytes = shape.paddedHeadDimension * arithmetic.inputType.bytes
    // Where OpenBLAS multiplies, a token's bits would depend on those that are appended with it.
    let tokensPerCall = arithmetic.multipliesPanels ? count : 1
    arithmetic.reserveAttentionScratch(shape: shape, rows: tokensPerCall * group)
    stateLayout.clear(states, count: threads * rows)

    parts.withUnsafeBufferPointer { parts in
      // An item is a run of what lies one after the other in memory.
      let pieces = parts.count * heads
      let items = min(
        pieces, Arithmetic.runs(bytes: parts.count * layout.blockBytes, threads: threads))
      arithmetic.team.forEach(items) { item, thread in
        for piece in pieces * item / items..<pieces * (item + 1) / items {
          let part = parts[piece / heads]
          let head = piece % heads
          let memory =
            part.branch.map { branches.head(head, layer: layer, branch: $0, block: part.block) }
            ?? context.head(head, layer: layer, index: part.index)
          for first in stride(from: 0, to: part.tokens.count, by: tokensPerCall) {
            let row = (head * count + part.tokens.lowerBound + first) * group
            arithmetic.attend(
              QueryTile(
                rows: queries + row * rowBytes,
                count: min(tokensPerCall, part.tokens.count - first) * group,
                position: part.mask == nil ? part.position : part.position + first,
                headsPerToken: group),
              to: memory, block: part.block, mask: part.mask ?? AttentionMask(), layout: layout,
              states: states + (thread * rows + row) * stateRow, thread: thread)
          }
        }
      }
    }
    guard threads > 1 else { return }
    forEachRow(of: rows) { row in
      for thread in 1..<threads {
        stateLayout.merge(
          states + (thread * rows + row) * stateRow, into: states + row * stateRow)
      }
    }
  }

  /// Of few rows, the calling thread does all.
  private func forEachRow(of rows: Int, _ body: (_ row: Int) -> Void) {
    let perItem = 64
    arithmetic.team.forEach((rows + perItem - 1) / perItem) { item, _ in
      for row in item * perItem..<min(rows, (item + 1) * perItem) { body(row) }
    }
  }

  private func finish(count: Int, output: UnsafeMutableRawPointer) {
    let (d, group) = (shape.headDimension, shape.groupSize)
    let inputBytes = arithmetic.inputType.bytes
    let outputStride = Arithmetic.inputStride(columns: shape.queryHeads * d) * inputBytes
    let states = states.pointer
    forEachRow(of: count * shape.queryHeads) { row in
      let (head, row) = (row / (count * group), row % (count * group))
      arithmetic.finish(
        states + (head * count * group + row) * stateLayout.rowElements, headDimension: d,
        into: output + row / group * outputStride + (head * group + row % group) * d * inputBytes)
    }
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
