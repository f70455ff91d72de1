import Kernels

/// The KV blocks of the context that one rank owns, of all layers.
///
/// `[layers][blocks][blockBytes]`, a block as in `KeyValueLayout`. A layer's blocks lie one after the
/// other in ascending order of the sequence, so a layer's share is a message as it stands. Keys and
/// values that are not yet written are zeros.
public final class KeyValueCache {
  public let layout: KeyValueLayout
  public let layers: Int
  /// The owned blocks' numbers in the sequence, ascending.
  public let blocks: [Int]
  private let memory: AlignedBuffer<UInt8>

  /// - Parameter blocks: what the rank owns; memory is taken only when a block is written.
  public init(layout: KeyValueLayout, layers: Int, blocks: [Int]) {
    self.layout = layout
    self.layers = layers
    self.blocks = blocks
    memory = AlignedBuffer(count: layers * blocks.count * layout.blockBytes)
  }

  /// The layer's first block.
  public func base(layer: Int) -> UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(memory.pointer) + layer * blocks.count * layout.blockBytes
  }

  /// One head's part of the rank's block `index`.
  public func head(_ head: Int, layer: Int, index: Int) -> UnsafeMutableRawPointer {
    base(layer: layer) + index * layout.blockBytes + head * layout.headBytes
  }

  /// Bytes of the owned blocks in all layers.
  public var bytes: Int { layers * blocks.count * layout.blockBytes }
}
