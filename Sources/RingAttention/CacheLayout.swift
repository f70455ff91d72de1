import Kernels

/// How the KV blocks of all layers lie: those of a layer one after the other, the layers one after the
/// other. Layers may have blocks of different sizes.
public struct CacheLayout: Sendable, Equatable {
  /// One for each layer.
  public let layers: [KeyValueLayout]
  /// `[layers + 1]`: bytes of one block in all layers before.
  private let offsets: [Int]

  public init(_ layers: [KeyValueLayout]) {
    self.layers = layers
    offsets = layers.reduce(into: [0]) { $0.append($0.last! + $1.blockBytes) }
  }

  public subscript(layer: Int) -> KeyValueLayout { layers[layer] }

  /// Bytes of one block in all layers together.
  public var blockBytes: Int { offsets.last! }

  /// Bytes of one block in the layers before that one.
  public func blockBytes(before layer: Int) -> Int { offsets[layer] }
}
