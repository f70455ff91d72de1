import Kernels

/// The KV blocks of the context that one rank owns, of all layers.
///
/// `[layers][blocks][blockBytes of the layer]`, a block as in `KeyValueLayout`. A layer's blocks lie one after the
/// other in ascending order of the sequence, so a layer's share is a message as it stands. Keys and
/// values that are not yet written are zeros.
public final class KeyValueCache {
  /// What a cache will hold, and the memory that it takes.
  public struct Plan: Sendable {
    public let layout: CacheLayout
    /// The owned blocks' numbers in the sequence, ascending.
    public let blocks: [Int]
    fileprivate let memory: BufferPlan.Slot<UInt8>
    fileprivate let buffers: BufferPlan

    public init(layout: CacheLayout, blocks: [Int]) {
      self.layout = layout
      self.blocks = blocks
      var plan = BufferPlan()
      memory = plan.add(blocks.count, layout.blockBytes)
      buffers = plan
    }

    public var bytes: Int { buffers.bytes }
  }

  private let plan: Plan
  private let memory: Memory

  private enum Memory {
    case own(Buffers)
    /// Of other caches.
    case others(context: KeyValueCache, contextBlocks: Int, branches: BranchCache, branch: Int)
  }

  /// Memory is taken only when a block is written.
  public init(_ plan: Plan) {
    self.plan = plan
    memory = .own(Buffers(plan.buffers))
  }

  /// The blocks of a context and of one of its branches, where they are.
  ///
  /// - Parameter plan: with as many of the context's first blocks as are before the branch's first, and as many
  ///   behind them as this rank owns of the branch.
  public init(_ plan: Plan, of context: KeyValueCache, _ branches: BranchCache, branch: Int) {
    self.plan = plan
    memory = .others(
      context: context, contextBlocks: plan.blocks.count { $0 < branches.firstBlock },
      branches: branches, branch: branch)
  }

  public var layout: CacheLayout { plan.layout }
  /// The owned blocks' numbers in the sequence, ascending.
  public var blocks: [Int] { plan.blocks }

  /// The layer's first block, behind which its others stand; of a cache with memory of its own.
  public func base(layer: Int) -> UnsafeMutableRawPointer {
    guard case .own(let memory) = memory else {
      preconditionFailure("blocks of several caches do not stand together")
    }
    return memory[raw: plan.memory] + blocks.count * layout.blockBytes(before: layer)
  }

  /// One head's part of the rank's block `index`.
  public func head(_ head: Int, layer: Int, index: Int) -> UnsafeMutableRawPointer {
    guard case .others(let context, let contextBlocks, let branches, let branch) = memory else {
      return base(layer: layer) + index * layout[layer].blockBytes + head * layout[layer].headBytes
    }
    return index < contextBlocks
      ? context.head(head, layer: layer, index: index)
      : branches.head(head, layer: layer, branch: branch, block: blocks[index])
  }

  /// Bytes of the owned blocks in all layers.
  public var bytes: Int { plan.bytes }
}
