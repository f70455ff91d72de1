import Kernels
import RingAttention

// What a saved context consists of, as far as this rank holds it: memory that is read when it is
// saved, between two layers or behind the last one, and written when it is restored, before the
// prefill goes on.
extension DecoderContext {
  /// The context's blocks that this rank owns, ascending; an `index` below is one into this. Before the
  /// prefill of a context that extends another, all layers of the first `ownBaseBlocks` are there, and of the
  /// block in which the base ends.
  public var ownContextBlocks: [Int] { cache.blocks }

  /// One block's keys and values of one layer, `cache.layout[layer].blockBytes`.
  public func keyValues(ofBlock index: Int, layer: Int) -> UnsafeMutableRawBufferPointer {
    let bytes = cache.layout[layer].blockBytes
    return UnsafeMutableRawBufferPointer(
      start: cache.base(layer: layer) + index * bytes, count: bytes)
  }

  /// Makes all layers of one block what they are from a token on where nothing was stored.
  public func clear(block index: Int, from token: Int) {
    for layer in configuration.layers.indices {
      arithmetic.clear(
        from: token, in: keyValues(ofBlock: index, layer: layer).baseAddress!,
        layout: cache.layout[layer])
    }
  }

  /// The residual stream of the tokens of one block that are computed, behind the layers that are finished,
  /// `[tokens][hiddenSize]` float32; none of the first `ownBaseBlocks`.
  public func activations(ofBlock index: Int) -> UnsafeMutableRawBufferPointer {
    let tokens = share.tokens(ofBlock: index - ownBaseBlocks)
    return stream.bytes(ofRows: tokens.lowerBound, count: tokens.count)
  }

  /// The last position's row of it, `[hiddenSize]` float32; nil where another rank owns it.
  public var lastActivations: UnsafeMutableRawBufferPointer? {
    guard share.blocks.last == blockCount(tokens: contextTokens) - 1 else { return nil }
    return stream.bytes(ofRows: share.tokenCount - 1, count: 1)
  }
}
