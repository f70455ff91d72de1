import Kernels
import MPI
import RingAttention

extension DecoderStack {
  /// Tokens whose intermediate activations are at hand at once in the linear layers: enough that
  /// each panel of weights is packed for four blocks, few enough that the activations stay small
  /// beside the KV blocks.
  public static let tokensPerChunk = 4 * tokensPerBlock

  /// Runs the context through all layers; every rank computes its own tokens.
  ///
  /// - Parameters:
  ///   - tokens: the whole context's ids, the same on every rank, each below the vocabulary's size.
  ///   - onProgress: told, by the calling thread, the layer and which part of all layers' work is
  ///     done: 0…1.
  ///   - afterLayer: asked after each layer but the last, alike on every rank, whether to go on; the
  ///     KV blocks of the finished layers and the residual stream may be read then.
  /// - Returns: whether all layers are finished. Where not, a later call goes on with the next one.
  /// - Throws: `MPIError`, and what `afterLayer` throws.
  @discardableResult
  public func prefill(
    tokens: [Int32], onProgress: ((_ layer: Int, _ fraction: Double) -> Void)? = nil,
    afterLayer: ((_ finishedLayers: Int) throws -> Bool)? = nil
  ) throws -> Bool {
    precondition(tokens.count == contextTokens && tokenCount == 0, "the context, once")
    if finishedLayers == 0 { embed(tokens) }
    let buffers = PrefillBuffers(self)
    let attention = PrefillAttention(
      communicator: communicator, arithmetic: arithmetic, cache: cache, partition: partition,
      sequenceTokens: contextTokens, masks: Array(Set(masks)))
    // Of every rotation, one a block.
    let tables = ropes.map { rope in
      share.blocks.indices.map { index in
        let first = share.blocks[index] * tokensPerBlock
        return RoPETable(
          rope, positions: first..<first + share.tokenCount(ofBlock: index),
          contextTokens: contextTokens)
      }
    }
    let costs = masks.map { flopsPerToken(mask: $0) }
    let total = costs.reduce(0, +)
    var done = costs[..<finishedLayers].reduce(0, +)
    for layer in configuration.layers.indices.dropFirst(finishedLayers) {
      let cost = costs[layer]
      onProgress?(layer, done / total)
      let began = ContinuousClock.now
      measure("projections") {
        project(layer: layer, tables: ropeOfLayer[layer].map { tables[$0] }, buffers: buffers)
      }
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
      finishedLayers = layer + 1
      if finishedLayers < costs.count, let afterLayer, try !afterLayer(finishedLayers) {
        return false
      }
    }
    tokenCount = contextTokens
    return true
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
        embed(tokens[share.position(ofToken: token)], into: residual + token * hidden)
      }
    }
  }

  private func forEachChunk(_ body: (_ first: Int, _ count: Int) -> Void) {
    for first in stride(from: 0, to: share.tokenCount, by: Self.tokensPerChunk) {
      body(first, min(Self.tokensPerChunk, share.tokenCount - first))
    }
  }

  /// Norm, Q, K and V, RoPE, and K and V straight into their blocks.
  private func project(layer: Int, tables: [RoPETable]?, buffers: PrefillBuffers) {
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
            layer: layer, place: token % tokensPerBlock, table: tables?[token / tokensPerBlock],
            entry: token % tokensPerBlock, queries: q + row * queryWidth, keys: k + row * keyWidth,
            values: v + row * keyWidth, destination: queries, row: token,
            rowTokens: share.tokenCount,
            block: cache.head(0, layer: layer, index: token / tokensPerBlock))
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
      add(
        layerWeights.attention.output, of: buffers.attended.pointer + first * attendedBytes,
        norm: layerWeights.attentionOutputNorm, to: stream, tokens: count, buffers: buffers)
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
      arithmetic.activate(
        configuration.activation, gate: buffers.gate.pointer, up: buffers.up.pointer, rows: count,
        columns: mlp.down.inputs, into: buffers.activated.pointer)
      add(
        mlp.down, of: buffers.activated.pointer, norm: layerWeights.mlpOutputNorm, to: stream,
        tokens: count, buffers: buffers)
    }
  }

  /// Adds a linear layer's outputs to the residual stream, through a norm where there is one.
  private func add(
    _ matrix: WeightMatrix, of inputs: UnsafeRawPointer, norm: [Float],
    to stream: UnsafeMutablePointer<Float>, tokens: Int, buffers: PrefillBuffers
  ) {
    let hidden = configuration.hiddenSize
    guard configuration.outputNorms else {
      arithmetic.multiply(
        matrix, inputs: inputs, tokens: tokens, outputs: stream, outputStride: hidden,
        accumulate: true)
      return
    }
    let outputs = buffers.mixed.pointer
    arithmetic.multiply(
      matrix, inputs: inputs, tokens: tokens, outputs: outputs, outputStride: hidden)
    arithmetic.addRMSNorm(
      outputs, rows: tokens, columns: hidden, weight: norm,
      epsilon: Float(configuration.rmsNormEpsilon), to: stream)
  }
}

/// One rank's activations during a prefill.
final class PrefillBuffers {
  /// `[keyValueHeads][own tokens][groupSize][paddedHeadDimension]` matrix input.
  let queries: AlignedBuffer<UInt8>
  /// `[own tokens][inputStride(queryWidth)]` matrix input.
  let attended: AlignedBuffer<UInt8>
  /// `[chunk][inputStride(hiddenSize)]` and `[chunk][inputStride(intermediateSize)]` matrix input.
  let normed: AlignedBuffer<UInt8>
  let activated: AlignedBuffer<UInt8>
  /// `[chunk][queryWidth]`, `[chunk][keyValueWidth]` twice, `[chunk][intermediateSize]` twice, and
  /// with `outputNorms` `[chunk][hiddenSize]`; float32.
  let query: AlignedBuffer<Float>
  let key: AlignedBuffer<Float>
  let value: AlignedBuffer<Float>
  let gate: AlignedBuffer<Float>
  let up: AlignedBuffer<Float>
  let mixed: AlignedBuffer<Float>

  init(_ stack: DecoderStack) {
    let configuration = stack.configuration
    let tokens = stack.share.tokenCount
    let chunk = min(tokens, DecoderStack.tokensPerChunk)
    let inputBytes = stack.arithmetic.inputType.bytes
    func rowBytes(_ columns: Int) -> Int { Arithmetic.inputStride(columns: columns) * inputBytes }
    queries = AlignedBuffer(
      count: tokens * stack.shape.queryHeads * stack.shape.paddedHeadDimension * inputBytes)
    attended = AlignedBuffer(count: tokens * rowBytes(configuration.queryWidth))
    normed = AlignedBuffer(count: chunk * rowBytes(configuration.hiddenSize))
    activated = AlignedBuffer(count: chunk * rowBytes(configuration.intermediateSize))
    query = AlignedBuffer(count: chunk * configuration.queryWidth)
    key = AlignedBuffer(count: chunk * configuration.keyValueWidth)
    value = AlignedBuffer(count: chunk * configuration.keyValueWidth)
    gate = AlignedBuffer(count: chunk * configuration.intermediateSize)
    up = AlignedBuffer(count: chunk * configuration.intermediateSize)
    mixed = AlignedBuffer(count: configuration.outputNorms ? chunk * configuration.hiddenSize : 0)
  }
}
