import Kernels
import MPI
import Transformer

/// All keys and values of a prefilled context, the same on every rank.
package struct ContextSnapshot: Equatable {
  package let tokens: Int
  /// `[blocks][layers][blockBytes of the layer]`
  package let blocks: [[[UInt8]]]

  /// A collective.
  @MPIThread package init(_ context: DecoderContext, _ communicator: Communicator) throws {
    tokens = context.contextTokens
    let layers = context.configuration.layers.indices
    blocks = try (0..<blockCount(tokens: tokens)).map { block in
      let index = context.ownContextBlocks.firstIndex(of: block)
      return try layers.map { layer in
        try communicator.broadcast(
          array: index.map { Array(context.keyValues(ofBlock: $0, layer: layer)) } ?? [],
          from: context.partition.owner(of: block)!)
      }
    }
  }

  /// Writes this rank's part of the context's base.
  package func restore(baseOf context: DecoderContext) {
    for (index, block) in context.ownContextBlocks.enumerated()
    where block * tokensPerBlock < context.baseTokens {
      for (layer, bytes) in blocks[block].enumerated() {
        context.keyValues(ofBlock: index, layer: layer).copyBytes(from: bytes)
      }
    }
  }
}
