import Kernels
import MPI

/// The KV blocks that one rank owns of what follows the context, of all branches and layers.
///
/// Where the context ends inside a block, a branch begins with a copy of that block, and its own
/// keys and values follow the context's: so each block is what it would be if the branch were the
/// only one, and attending to it gives the same bits.
///
/// `[branches][layers][own blocks of the branch][blockBytes of the layer]`, a block as in `KeyValueLayout`. Keys
/// and values that are not yet written are zeros.
public final class BranchCache {
  /// What the branches will hold on one rank, and the memory that they take.
  public struct Plan: Sendable {
    public let layout: CacheLayout
    public let branches: Int
    /// The global number of every branch's first block.
    public let firstBlock: Int
    fileprivate let partition: BranchPartition
    fileprivate let rank: Int
    /// `[branches]`: `[layers][own blocks of the branch][blockBytes of the layer]`.
    fileprivate let memory: [BufferPlan.Slot<UInt8>]
    fileprivate let buffers: BufferPlan

    /// - Parameters:
    ///   - firstBlock: the global number of every branch's first block.
    ///   - blocksPerBranch: room for so many.
    public init(
      layout: CacheLayout, partition: BranchPartition, rank: Int, branches: Int, firstBlock: Int,
      blocksPerBranch: Int
    ) {
      self.layout = layout
      self.partition = partition
      self.rank = rank
      self.branches = branches
      self.firstBlock = firstBlock
      var plan = BufferPlan()
      memory = (0..<branches).map {
        plan.add(
          partition.blockCount(branch: $0, blocks: blocksPerBranch, of: rank), layout.blockBytes)
      }
      buffers = plan
    }

    public var bytes: Int { buffers.bytes }

    /// The most blocks of one branch that there is room for on this rank.
    var mostBlocksOfBranch: Int { memory.map { $0.count / layout.blockBytes }.max()! }
  }

  private let plan: Plan
  private let memory: Buffers
  /// `[branches]`: of the blocks that this rank owns, how many are not zeros.
  private var used: [Int]

  /// Memory is taken only when a block is written.
  public init(_ plan: Plan) {
    self.plan = plan
    used = [Int](repeating: 0, count: plan.branches)
    memory = Buffers(plan.buffers)
  }

  public var layout: CacheLayout { plan.layout }
  public var branches: Int { plan.branches }
  public var firstBlock: Int { plan.firstBlock }
  private var partition: BranchPartition { plan.partition }
  private var rank: Int { plan.rank }

  /// Empties a branch.
  ///
  /// - Parameter tail: `[layers][blockBytes of the layer]`, the context's last block where that is
  ///   partly filled.
  public func begin(_ branch: Int, tail: UnsafeRawPointer?) {
    let ownBlocks = ownBlocks(branch)
    for layer in layout.layers.indices {
      let start = base(branch, layer: layer)
      let blockBytes = layout[layer].blockBytes
      start.initializeMemory(as: UInt8.self, repeating: 0, count: used[branch] * blockBytes)
      guard let tail, ownBlocks > 0, partition.owner(branch: branch, block: 0) == rank else {
        continue
      }
      start.copyMemory(from: tail + layout.blockBytes(before: layer), byteCount: blockBytes)
    }
    used[branch] = 0
    if tail != nil { use(branch, upTo: firstBlock) }
  }

  /// Makes what a branch has from a position on what it was before that was written: zeros.
  ///
  /// - Parameter position: of the sequence, behind the context's last.
  public func cut(_ branch: Int, at position: Int, _ arithmetic: Arithmetic) {
    let (block, token) = position.quotientAndRemainder(dividingBy: tokensPerBlock)
    let kept = partition.blockCount(
      branch: branch, blocks: block - firstBlock + (token > 0 ? 1 : 0), of: rank)
    arithmetic.team.forEach(layout.layers.count) { layer, _ in
      let blockBytes = layout[layer].blockBytes
      (base(branch, layer: layer) + kept * blockBytes).initializeMemory(
        as: UInt8.self, repeating: 0, count: max(0, used[branch] - kept) * blockBytes)
      guard token > 0, owns(branch, block: block) else { return }
      arithmetic.clear(
        from: token, in: head(0, layer: layer, branch: branch, block: block),
        layout: layout[layer])
    }
    used[branch] = min(used[branch], kept)
  }

  /// Makes the blocks of a branch up to the global number `block` those of another one. Every rank calls
  /// this.
  ///
  /// A branch's blocks go round the ranks in one order, so those that a rank has of it all go to one rank.
  ///
  /// - Returns: the bytes that this rank has sent.
  /// - Throws: `MPIError`.
  public func copy(
    _ source: Int, to destination: Int, upTo block: Int, _ communicator: Communicator
  ) throws -> Int {
    let blocks = block - firstBlock + 1
    let sent = partition.blockCount(branch: source, blocks: blocks, of: rank)
    let received = partition.blockCount(branch: destination, blocks: blocks, of: rank)
    let receiver = partition.owner(
      branch: destination, block: partition.firstBlock(branch: source, of: rank))
    let sender = partition.owner(
      branch: source, block: partition.firstBlock(branch: destination, of: rank))
    use(destination, upTo: block)
    let exchange = RingExchange(communicator)
    for layer in layout.layers.indices {
      let blockBytes = layout[layer].blockBytes
      let from = UnsafeRawBufferPointer(
        start: base(source, layer: layer), count: sent * blockBytes)
      let to = UnsafeMutableRawBufferPointer(
        start: base(destination, layer: layer), count: received * blockBytes)
      guard receiver != rank else {
        to.copyMemory(from: from)
        continue
      }
      try exchange.start(sending: from, to: receiver, receiving: to, from: sender, tag: layer)
      try exchange.finish()
    }
    return exchange.bytesSent
  }

  /// Notes that a branch's blocks up to the global number `block` are written to.
  public func use(_ branch: Int, upTo block: Int) {
    used[branch] = max(
      used[branch],
      partition.blockCount(branch: branch, blocks: block - firstBlock + 1, of: rank))
  }

  /// The global numbers of the branch's blocks that this rank owns, up to `block`.
  public func blocks(_ branch: Int, upTo block: Int) -> StrideThrough<Int> {
    stride(
      from: firstBlock + partition.firstBlock(branch: branch, of: rank), through: block,
      by: partition.ranks)
  }

  /// Whether this rank owns the block with the global number `block` of the branch.
  public func owns(_ branch: Int, block: Int) -> Bool {
    partition.owner(branch: branch, block: block - firstBlock) == rank
  }

  /// One head's part of a block that this rank owns, by its global number.
  public func head(
    _ head: Int, layer: Int, branch: Int, block: Int
  ) -> UnsafeMutableRawPointer {
    base(branch, layer: layer) + index(ofBlock: block) * layout[layer].blockBytes
      + head * layout[layer].headBytes
  }

  /// The place of a block, by its global number, among those of its branch that its rank owns.
  func index(ofBlock block: Int) -> Int { (block - firstBlock) / partition.ranks }

  /// Bytes of the blocks that are in use.
  public var bytes: Int { used.reduce(0, +) * layout.blockBytes }

  /// The blocks of all branches that there is room for on this rank.
  var mostBlocks: Int { (0..<branches).reduce(0) { $0 + ownBlocks($1) } }

  private func ownBlocks(_ branch: Int) -> Int {
    plan.memory[branch].count / layout.blockBytes
  }

  private func base(_ branch: Int, layer: Int) -> UnsafeMutableRawPointer {
    memory[raw: plan.memory[branch]] + ownBlocks(branch) * layout.blockBytes(before: layer)
  }
}
