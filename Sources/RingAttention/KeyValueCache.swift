import Kernels

/// The KV blocks that one rank owns, of all layers.
///
/// `[layers][capacity][blockBytes]`, a block as in `KeyValueLayout`. A layer's blocks lie one after
/// the other in ascending order of the sequence, so a layer's share is a message as it stands. Keys
/// and values that are not yet written are zeros.
public final class KeyValueCache {
  public let layout: KeyValueLayout
  public let layers: Int
  /// Blocks that there is room for.
  public let capacity: Int
  /// The owned blocks' numbers in the sequence, ascending.
  public private(set) var blocks: [Int]
  private let memory: AlignedBuffer<UInt8>

  /// - Parameters:
  ///   - blocks: what the rank owns at first.
  ///   - capacity: room for so many; memory is taken only when a block is written.
  public init(layout: KeyValueLayout, layers: Int, blocks: [Int], capacity: Int) {
    precondition(blocks.count <= capacity, "the cache has room for \(capacity) blocks")
    self.layout = layout
    self.layers = layers
    self.capacity = capacity
    self.blocks = blocks
    memory = AlignedBuffer(count: layers * capacity * layout.blockBytes)
  }

  /// Takes over a new block at the sequence's end.
  public func append(block: Int) {
    precondition(blocks.count < capacity, "the cache has room for \(capacity) blocks")
    precondition(blocks.last.map { $0 < block } ?? true, "blocks are appended in order")
    blocks.append(block)
  }

  /// The layer's first block.
  public func base(layer: Int) -> UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(memory.pointer) + layer * capacity * layout.blockBytes
  }

  /// One head's part of the rank's block `index`.
  public func head(_ head: Int, layer: Int, index: Int) -> UnsafeMutableRawPointer {
    base(layer: layer) + index * layout.blockBytes + head * layout.headBytes
  }

  /// Bytes of the owned blocks in all layers.
  public var bytes: Int { layers * blocks.count * layout.blockBytes }
}
