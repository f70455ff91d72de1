import Kernels
import MPI
import RingAttention

extension DecoderStack {
  /// Tokens whose intermediate activations are at hand at once in the linear layers: enough that
  /// each panel of weights is packed for four blocks, few enough that the activations stay small
  /// beside the KV blocks.
  static let tokensPerChunk = 4 * tokensPerBlock

  /// Runs the context through all layers; every rank computes its own tokens.
  ///
  /// - Parameters:
  ///   - tokens: the whole context's ids, the same on every rank, each below the vocabulary's size.
  ///   - onProgress: told, by the calling thread, the layer and which part of all layers' work is
  ///     done: 0…1.
  /// - Throws: `MPIError`.
  public func prefill(
    tokens: [Int32], onProgress: ((_ layer: Int, _ fraction: Double) -> Void)? = nil
  ) throws {
    precondition(tokens.count == contextTokens && tokenCount == 0, "the context, once")
    embed(tokens)
    let buffers = PrefillBuffers(self)
    let attention = PrefillAttention(
      communicator: communicator, arithmetic: arithmetic, cache: cache, partition: partition,
      sequenceTokens: contextTokens, masks: Array(Set(masks)))
    let tables = share.blocks.indices.map { index in
      let first = share.blocks[index] * tokensPerBlock
      return RoPETable(rope, positions: first..<first + share.tokenCount(ofBlock: index))
    }
    let costs = masks.map { flopsPerToken(mask: $0) }
    let total = costs.reduce(0, +)
    var done = 0.0
    for layer in configuration.layers.indices {
      let cost = costs[layer]
      onProgress?(layer, done / total)
      let began = ContinuousClock.now
      measure("projections") { project(layer: layer, tables: tables, buffers: buffers) }
      let projected = ContinuousClock.now
      prefillWork += try attention.attend(
        layer: layer, mask: masks[layer], queries: buffers.queries.pointer,
        output: buffers.attended.pointer, onSpan: onSpan
      ) { fraction in onProgress?(layer, (done + fraction * cost) / total) }
      let attended = ContinuousClock.now
      measure("mlp") { mix(layer: layer, buffers: buffers) }
      done += cost
      prefillSeconds.attention += (attended - projected).seconds
      prefillSeconds.linear += (ContinuousClock.now - attended + (projected - began)).seconds
    }
    tokenCount = contextTokens
  }

  /// FLOPs of one layer's linear layers for one token: 2 for every weight.
  private var linearFlopsPerToken: Double {
    let layer = weights.layers[0]
    let elements = (layer.attention.matrices + layer.mlp.matrices).reduce(0) {
      $0 + $1.outputs * $1.inputs
    }
    return 2 * Double(elements)
  }

  /// FLOPs of one layer for an average token: what the layers' parts of the progress are weighed
  /// by, the same on every rank, also on one without tokens.
  private func flopsPerToken(mask: AttentionMask) -> Double {
    let keys = mask.slidingWindow.map { min($0, contextTokens) } ?? contextTokens / 2
    return linearFlopsPerToken + 4 * Double(shape.queryHeads * shape.headDimension)
      * Double(keys + tokensPerBlock)
  }

  /// FLOPs of this rank's linear layers in a whole prefill.
  public var prefillLinearFlops: Double {
    linearFlopsPerToken * Double(share.tokenCount * configuration.layers.count)
  }

  private func embed(_ tokens: [Int32]) {
    let hidden = configuration.hiddenSize
    let residual = residual.pointer
    arithmetic.team.forEach(share.blocks.count) { index, _ in
      for token in index * tokensPerBlock..<index * tokensPerBlock
        + share.tokenCount(ofBlock: index)
      {
        arithmetic.widen(
          row: Int(tokens[share.position(ofToken: token)]), of: weights.embedding,
          into: residual + token * hidden)
      }
    }
  }

  private func forEachChunk(_ body: (_ first: Int, _ count: Int) -> Void) {
    for first in stride(from: 0, to: share.tokenCount, by: Self.tokensPerChunk) {
      body(first, min(Self.tokensPerChunk, share.tokenCount - first))
    }
  }

  /// Norm, Q, K and V, RoPE, and K and V straight into their blocks.
  private func project(layer: Int, tables: [RoPETable], buffers: PrefillBuffers) {
    let hidden = configuration.hiddenSize
    let (queryWidth, keyWidth) = (configuration.queryWidth, configuration.keyValueWidth)
    let layerWeights = weights.layers[layer]
    let (q, k, v) = (buffers.query.pointer, buffers.key.pointer, buffers.value.pointer)
    forEachChunk { first, count in
      arithmetic.rmsNorm(
        residual.pointer + first * hidden, rows: count, columns: hidden,
        weight: layerWeights.attentionNorm, epsilon: Float(configuration.rmsNormEpsilon),
        into: buffers.normed.pointer)
      let attention = layerWeights.attention
      for (matrix, output) in [(attention.query, q), (attention.key, k), (attention.value, v)] {
        arithmetic.multiply(
          matrix, inputs: buffers.normed.pointer, tokens: count, outputs: output,
          outputStride: matrix.outputs)
      }
      let tokensPerItem = 16
      let queries = UnsafeMutableRawPointer(buffers.queries.pointer)
      arithmetic.team.forEach((count + tokensPerItem - 1) / tokensPerItem) { item, _ in
        for row in item * tokensPerItem..<min(count, (item + 1) * tokensPerItem) {
          let token = first + row
          storeToken(
            layer: layer, position: share.position(ofToken: token),
            table: tables[token / tokensPerBlock], queries: q + row * queryWidth,
            keys: k + row * keyWidth, values: v + row * keyWidth, destination: queries, row: token,
            rowTokens: share.tokenCount, cacheIndex: token / tokensPerBlock)
        }
      }
    }
  }

  /// Output projection, then norm and MLP, both added to the residual stream.
  private func mix(layer: Int, buffers: PrefillBuffers) {
    let hidden = configuration.hiddenSize
    let layerWeights = weights.layers[layer]
    let mlp = layerWeights.mlp
    let attendedBytes =
      Arithmetic.inputStride(columns: configuration.queryWidth) * arithmetic.inputType.bytes
    forEachChunk { first, count in
      let stream = residual.pointer + first * hidden
      arithmetic.multiply(
        layerWeights.attention.output,
        inputs: buffers.attended.pointer + first * attendedBytes, tokens: count, outputs: stream,
        outputStride: hidden, accumulate: true)
      arithmetic.rmsNorm(
        stream, rows: count, columns: hidden, weight: layerWeights.mlpNorm,
        epsilon: Float(configuration.rmsNormEpsilon), into: buffers.normed.pointer)
      for (matrix, output) in [
        (mlp.gate, buffers.gate.pointer), (mlp.up, buffers.up.pointer),
      ] {
        arithmetic.multiply(
          matrix, inputs: buffers.normed.pointer, tokens: count, outputs: output,
          outputStride: matrix.outputs)
      }
      arithmetic.swiGLU(
        gate: buffers.gate.pointer, up: buffers.up.pointer, rows: count, columns: mlp.down.inputs,
        into: buffers.activated.pointer)
      arithmetic.multiply(
        mlp.down, inputs: buffers.activated.pointer, tokens: count, outputs: stream,
        outputStride: hidden, accumulate: true)
    }
  }
}

/// One rank's activations during a prefill.
final class PrefillBuffers {
  /// `[keyValueHeads][own tokens][groupSize][headDimension]` matrix input.
  let queries: AlignedBuffer<UInt8>
  /// `[own tokens][inputStride(queryWidth)]` matrix input.
  let attended: AlignedBuffer<UInt8>
  /// `[chunk][inputStride(hiddenSize)]` and `[chunk][inputStride(intermediateSize)]` matrix input.
  let normed: AlignedBuffer<UInt8>
  let activated: AlignedBuffer<UInt8>
  /// `[chunk][queryWidth]`, `[chunk][keyValueWidth]` twice, `[chunk][intermediateSize]` twice;
  /// float32.
  let query: AlignedBuffer<Float>
  let key: AlignedBuffer<Float>
  let value: AlignedBuffer<Float>
  let gate: AlignedBuffer<Float>
  let up: AlignedBuffer<Float>

  init(_ stack: DecoderStack) {
    let configuration = stack.configuration
    let tokens = stack.share.tokenCount
    let chunk = min(tokens, DecoderStack.tokensPerChunk)
    let inputBytes = stack.arithmetic.inputType.bytes
    func rowBytes(_ columns: Int) -> Int { Arithmetic.inputStride(columns: columns) * inputBytes }
    queries = AlignedBuffer(count: tokens * configuration.queryWidth * inputBytes)
    attended = AlignedBuffer(count: tokens * rowBytes(configuration.queryWidth))
    normed = AlignedBuffer(count: chunk * rowBytes(configuration.hiddenSize))
    activated = AlignedBuffer(count: chunk * rowBytes(configuration.intermediateSize))
    query = AlignedBuffer(count: chunk * configuration.queryWidth)
    key = AlignedBuffer(count: chunk * configuration.keyValueWidth)
    value = AlignedBuffer(count: chunk * configuration.keyValueWidth)
    gate = AlignedBuffer(count: chunk * configuration.intermediateSize)
    up = AlignedBuffer(count: chunk * configuration.intermediateSize)
  }
}

extension DecoderStack {
  /// The logits of every position of the context, block by block in their order, for rank 0; after
  /// the prefill.
  ///
  /// Every rank calls this. A block's logits are computed by the rank that owns it; the last
  /// position's are those of `lastContextLogits(into:)`.
  ///
  /// - Parameter body: called on rank 0 for each block with `[tokens of the
  ///   block][vocabularySize]`.
  /// - Throws: `MPIError`, and on rank 0 what `body` throws.
  public func forEachContextLogits(
    _ body: (UnsafeBufferPointer<Float>) throws -> Void
  ) throws {
    let vocabulary = configuration.vocabularySize
    let hidden = configuration.hiddenSize
    let rank = communicator.rank
    let rows = AlignedBuffer<Float>(count: tokensPerBlock * vocabulary)
    let normed = AlignedBuffer<UInt8>(
      count: tokensPerBlock * Arithmetic.inputStride(columns: hidden) * arithmetic.inputType.bytes)
    let last = AlignedBuffer<Float>(count: vocabulary)
    try lastContextLogits(into: last.pointer)
    for block in 0..<blockCount(tokens: contextTokens) {
      let owner = partition.owner(of: block)!
      let tokens = min(tokensPerBlock, contextTokens - block * tokensPerBlock)
      let bytes = UnsafeMutableRawBufferPointer(
        start: rows.pointer, count: tokens * vocabulary * MemoryLayout<Float>.stride)
      if owner == rank {
        let index = share.blocks.firstIndex(of: block)!
        arithmetic.rmsNorm(
          residual.pointer + index * tokensPerBlock * hidden, rows: tokens, columns: hidden,
          weight: weights.finalNorm, epsilon: Float(configuration.rmsNormEpsilon),
          into: normed.pointer)
        arithmetic.multiply(
          weights.head, inputs: normed.pointer, tokens: tokens, outputs: rows.pointer,
          outputStride: vocabulary)
        if rank != 0 { try communicator.send(UnsafeRawBufferPointer(bytes), to: 0, tag: 0) }
      } else if rank == 0 {
        try communicator.receive(into: bytes, from: owner, tag: 0)
      }
      guard rank == 0 else { continue }
      if (block + 1) * tokensPerBlock >= contextTokens {
        (rows.pointer + (tokens - 1) * vocabulary).update(from: last.pointer, count: vocabulary)
      }
      try body(UnsafeBufferPointer(start: rows.pointer, count: tokens * vocabulary))
    }
  }
}
