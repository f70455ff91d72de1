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
  /// An interrupted prefill stops on every rank behind the same layer, in the middle of what it
  /// computes: that, and if other ranks are behind, up to one layer more, is given up.
  ///
  /// - Parameters:
  ///   - tokens: the whole context's ids, the same on every rank, each below the vocabulary's size.
  ///   - onProgress: told, by the calling thread, the layer and which part of all layers' work is
  ///     done: 0…1.
  ///   - interruption: ends the prefill early; the same on every rank.
  ///   - afterLayer: asked after each layer but the last, alike on every rank, whether to go on; the
  ///     KV blocks of the finished layers and the residual stream may be read then.
  /// - Returns: whether all layers are finished. Where not, a later call goes on with the next one.
  /// - Throws: `MPIError`, and what `afterLayer` throws.
  @discardableResult
  public func prefill(
    tokens: [Int32], onProgress: ((_ layer: Int, _ fraction: Double) -> Void)? = nil,
    interruption: Interruption? = nil,
    afterLayer: ((_ finishedLayers: Int) throws -> Bool)? = nil
  ) throws -> Bool {
    precondition(tokens.count == contextTokens && tokenCount == 0, "the context, once")
    if finishedLayers == 0 { embed(tokens) }
    let stop = PrefillStop(interruption, finishedLayers: finishedLayers)
    let buffers = PrefillBuffers(self, keepsResidual: interruption != nil)
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
    communicator.place = Place(stage: "prefill")
    let firstLayer = finishedLayers
    while finishedLayers < costs.count, !stop.ends() {
      let layer = finishedLayers
      onProgress?(layer, done / total)
      let isFinished = try runLayer(
        layer, tables: ropeOfLayer[layer].map { tables[$0] }, attention: attention,
        buffers: buffers, stop: stop
      ) { fraction in onProgress?(layer, (done + fraction * costs[layer]) / total) }
      guard isFinished else { break }
      done += costs[layer]
      guard finishedLayers < costs.count, let afterLayer, try !stop.isRequestedAnywhere() else {
        continue
      }
      if try !afterLayer(finishedLayers) { return false }
      // It may have said that it does something else.
      communicator.place = Place(stage: "prefill")
    }
    // A rank that is done early takes part in the agreement of those that are not.
    if try stop.isRequestedAnywhere(), let layers = stop.agreedLayers, layers < costs.count {
      if layers < finishedLayers { restoreResidual(tokens: share.tokenCount, buffers) }
      finishedLayers = layers
      try attention.drain(firstLayer: firstLayer, masks: masks)
      return false
    }
    tokenCount = contextTokens
    return true
  }

  /// One layer, and its part of the bookkeeping.
  ///
  /// - Returns: whether it is finished; else `stop` has ended the prefill, and the residual stream
  ///   is as it was.
  private func runLayer(
    _ layer: Int, tables: [RoPETable]?, attention: PrefillAttention, buffers: PrefillBuffers,
    stop: PrefillStop, onProgress: @escaping (Double) -> Void
  ) throws -> Bool {
    communicator.place.part = ("layer", layer + 1)
    communicator.place.detail = nil
    let began = ContinuousClock.now
    let isProjected = measure("projections") {
      project(layer: layer, tables: tables, buffers: buffers, stop: stop)
    }
    let projected = ContinuousClock.now
    guard isProjected,
      let work = try attention.attend(
        layer: layer, mask: masks[layer], queries: buffers.queries.pointer,
        output: buffers.attended.pointer, stop: stop, onSpan: onSpan, onProgress: onProgress)
    else {
      _ = try stop.settle()  // throws what went wrong on the way
      return false
    }
    prefillWork += work
    communicator.place.detail = nil
    let attended = ContinuousClock.now
    // From here on there is no way back behind the layer before.
    guard try stop.settle() else { return false }
    stop.offer = layer...layer
    guard measure("mlp", { mix(layer: layer, buffers: buffers, stop: stop) }) else { return false }
    prefillSeconds.attention += (attended - projected).seconds
    prefillSeconds.linear += (ContinuousClock.now - attended + (projected - began)).seconds
    finishedLayers = layer + 1
    stop.offer = buffers.previous == nil ? finishedLayers...finishedLayers : layer...finishedLayers
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

  /// FLOPs of this rank's linear layers in a whole prefill, or in what was left of it.
  public var prefillLinearFlops: Double {
    linearFlopsPerToken * Double(share.tokenCount * (configuration.layers.count - restoredLayers))
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

  /// Calls `body` for one chunk of tokens after the other while it says true.
  private func everyChunk(_ body: (_ first: Int, _ count: Int) -> Bool) -> Bool {
    for first in stride(from: 0, to: share.tokenCount, by: Self.tokensPerChunk) {
      guard body(first, min(Self.tokensPerChunk, share.tokenCount - first)) else { return false }
    }
    return true
  }

  /// What MPI's thread does between the matrix products of a chunk.
  ///
  /// - Returns: whether to go on with the layer.
  private func pause(_ stop: PrefillStop) -> Bool {
    communicator.tick()
    stop.poll()
    return !stop.abandons
  }

  /// Norm, Q, K and V, RoPE, and K and V straight into their blocks.
  ///
  /// - Returns: false where `stop` has ended the prefill on the way.
  private func project(
    layer: Int, tables: [RoPETable]?, buffers: PrefillBuffers, stop: PrefillStop
  ) -> Bool {
    let hidden = configuration.hiddenSize
    let (queryWidth, keyWidth) = (configuration.queryWidth, configuration.keyValueWidth)
    let layerWeights = weights.layers[layer]
    let (q, k, v) = (buffers.query.pointer, buffers.key.pointer, buffers.value.pointer)
    return everyChunk { first, count in
      arithmetic.rmsNorm(
        residual.pointer + first * hidden, rows: count, columns: hidden,
        weight: layerWeights.attentionNorm, epsilon: Float(configuration.rmsNormEpsilon),
        into: buffers.normed.pointer)
      let attention = layerWeights.attention
      for (matrix, output) in [(attention.query, q), (attention.key, k), (attention.value, v)] {
        arithmetic.multiply(
          matrix, inputs: buffers.normed.pointer, tokens: count, outputs: output,
          outputStride: matrix.outputs)
        guard pause(stop) else { return false }
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
      return true
    }
  }

  /// Output projection, then norm and MLP, both added to the residual stream.
  ///
  /// - Returns: false where `stop` has ended the prefill on the way; the residual stream is as it
  ///   was then.
  private func mix(layer: Int, buffers: PrefillBuffers, stop: PrefillStop) -> Bool {
    var begun = 0
    let isMixed = everyChunk { first, count in
      keepResidual(first: first, count: count, buffers)
      begun = first + count
      return mixChunk(layer: layer, first: first, count: count, buffers: buffers, stop: stop)
    }
    if !isMixed { restoreResidual(tokens: begun, buffers) }
    return isMixed
  }

  private func mixChunk(
    layer: Int, first: Int, count: Int, buffers: PrefillBuffers, stop: PrefillStop
  ) -> Bool {
    let hidden = configuration.hiddenSize
    let layerWeights = weights.layers[layer]
    let mlp = layerWeights.mlp
    let attendedBytes =
      Arithmetic.inputStride(columns: configuration.queryWidth) * arithmetic.inputType.bytes
    let stream = residual.pointer + first * hidden
    add(
      layerWeights.attention.output, of: buffers.attended.pointer + first * attendedBytes,
      norm: layerWeights.attentionOutputNorm, to: stream, tokens: count, buffers: buffers)
    guard pause(stop) else { return false }
    arithmetic.rmsNorm(
      stream, rows: count, columns: hidden, weight: layerWeights.mlpNorm,
      epsilon: Float(configuration.rmsNormEpsilon), into: buffers.normed.pointer)
    for (matrix, output) in [
      (mlp.gate, buffers.gate.pointer), (mlp.up, buffers.up.pointer),
    ] {
      arithmetic.multiply(
        matrix, inputs: buffers.normed.pointer, tokens: count, outputs: output,
        outputStride: matrix.outputs)
      guard pause(stop) else { return false }
    }
    arithmetic.activate(
      configuration.activation, gate: buffers.gate.pointer, up: buffers.up.pointer, rows: count,
      columns: mlp.down.inputs, into: buffers.activated.pointer)
    add(
      mlp.down, of: buffers.activated.pointer, norm: layerWeights.mlpOutputNorm, to: stream,
      tokens: count, buffers: buffers)
    return pause(stop)
  }

  /// Copies a part of the residual stream to where it can be had again.
  private func keepResidual(first: Int, count: Int, _ buffers: PrefillBuffers) {
    guard let previous = buffers.previous?.memory.pointer else { return }
    copyRows(first: first, count: count, from: residual.pointer, to: previous)
  }

  /// Makes the residual stream's first tokens what they were before the last layer that was mixed.
  private func restoreResidual(tokens: Int, _ buffers: PrefillBuffers) {
    guard let previous = buffers.previous?.memory.pointer else { return }
    copyRows(first: 0, count: tokens, from: previous, to: residual.pointer)
  }

  /// `[count][hiddenSize]` float32.
  private func copyRows(
    first: Int, count: Int, from source: UnsafeMutablePointer<Float>,
    to destination: UnsafeMutablePointer<Float>
  ) {
    let hidden = configuration.hiddenSize
    let rows = 64
    arithmetic.team.forEach((count + rows - 1) / rows) { item, _ in
      let row = first + item * rows
      (destination + row * hidden).update(
        from: source + row * hidden, count: min(rows, first + count - row) * hidden)
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
  /// `[own tokens][hiddenSize]` float32: the residual stream before the last layer that was mixed;
  /// nil in a prefill that nothing interrupts.
  let previous: Kept?

  final class Kept {
    let memory: AlignedBuffer<Float>

    init(count: Int) { memory = AlignedBuffer(count: count) }
  }

  init(_ stack: DecoderStack, keepsResidual: Bool) {
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
    previous = keepsResidual ? Kept(count: tokens * configuration.hiddenSize) : nil
  }
}
