import Kernels
import MPI
import Ranks
import RingAttention

/// The way of a context through all layers; every rank computes its own tokens.
///
/// Where no logits are wanted but the last position's, the last layer computes keys and values of all
/// tokens and the rest of the last one's alone; see `ContextPositions`.
///
/// An interrupted prefill stops on every rank behind the same layer, in the middle of what it
/// computes: that, and if other ranks are behind, up to one layer more, is given up.
public struct PrefillPass {
  /// Tokens whose intermediate activations are at hand at once in the linear layers: enough that
  /// each panel of weights is packed for four blocks, few enough that the activations stay small
  /// beside the KV blocks.
  public static let tokensPerChunk = 4 * tokensPerBlock

  private let context: DecoderContext
  private let interruption: Interruption?
  /// FLOPs of each layer for an average token: what the layers' parts of the progress are weighed by,
  /// the same on every rank, also on one without tokens.
  private let costs: [Double]

  /// - Parameters:
  ///   - positions: whose logits are wanted behind the prefill.
  ///   - interruption: ends the prefill early; the same on every rank.
  public init(
    _ context: DecoderContext, logitsOf positions: ContextPositions = .last,
    interruption: Interruption? = nil
  ) {
    self.context = context
    self.interruption = interruption
    context.setFinalPositions(positions)
    costs = context.layers.map { layer in
      guard context.runsWhole(layer: layer.index) else { return layer.weights.flopsPerKeyAndValue }
      let keys = layer.pattern.visibleKeyCount(
        position: (context.baseTokens + context.contextTokens) / 2)
      return layer.weights.flopsPerToken
        + 4 * Double(layer.shape.queryHeads * layer.shape.headDimension)
        * Double(keys + tokensPerBlock)
    }
  }

  /// Runs the context through the layers that are not finished.
  ///
  /// - Parameters:
  ///   - tokens: the whole context's ids, the same on every rank, each below the vocabulary's size.
  ///   - onProgress: told, by the calling thread, the layer and which part of all layers' work is
  ///     done: 0…1.
  ///   - afterLayer: asked after each layer but the last, alike on every rank, whether to go on; the
  ///     KV blocks of the finished layers and the residual stream may be read then.
  /// - Returns: whether all layers are finished. Where not, a later pass goes on with the next one.
  /// - Throws: `MPIError`, and what `afterLayer` throws.
  @discardableResult
  public func run(
    tokens: [Int32], onProgress: ((_ layer: Int, _ fraction: Double) -> Void)? = nil,
    afterLayer: ((_ finishedLayers: Int) throws -> Bool)? = nil
  ) throws -> Bool {
    precondition(
      tokens.count == context.contextTokens && !context.isPrefilled, "the context, once")
    guard let passing = context.weights.passing else {
      return try run(tokens, passing: nil, onProgress, afterLayer)
    }
    let pass = try PassingWeights.Pass(
      passing, firstLayer: context.finishedLayers, communicator: context.communicator)
    let isFinished = try pass.withMessagesMoving(context.team) {
      try run(tokens, passing: pass, onProgress, afterLayer)
    }
    try pass.finish()
    context.prefillCost.exposedWeightSeconds += pass.exposedSeconds
    context.prefillCost.weightBytesSent += pass.bytesSent
    return isFinished
  }

  /// - Parameter passing: nil where every host has all weights.
  private func run(
    _ tokens: [Int32], passing: PassingWeights.Pass?,
    _ onProgress: ((_ layer: Int, _ fraction: Double) -> Void)?,
    _ afterLayer: ((_ finishedLayers: Int) throws -> Bool)?
  ) throws -> Bool {
    let firstLayer = context.finishedLayers
    let stop = PrefillStop(interruption, finishedLayers: firstLayer)
    if firstLayer == 0 { try embed(tokens, passing, stop) }
    let execution = PrefillExecution(context, stop: stop, isInterruptible: interruption != nil)
    let total = costs.reduce(0, +)
    var done = costs[..<firstLayer].reduce(0, +)
    var layer = firstLayer
    while !context.isPrefilled, !stop.endsHere() {
      layer = context.finishedLayers
      let cost = costs[layer]
      onProgress?(layer, done / total)
      execution.onProgress = { [layer, done] in onProgress?(layer, (done + $0 * cost) / total) }
      // Ranks wait for each other behind the layer, too.
      let outcome = try WorkLocation.within("layer", layer + 1) { () throws -> LayerOutcome in
        guard try passing?.awaitLayer(layer, stop) ?? true else {
          _ = try stop.awaitVerdict()  // throws what went wrong on the way
          return .givenUp
        }
        guard try run(context.prefillLayers[layer], execution, stop) else { return .givenUp }
        guard !context.isPrefilled, let afterLayer, try stop.agreeOnVerdict() == .goOn else {
          return .finished
        }
        return try afterLayer(context.finishedLayers) ? .finished : .finishedAsLast
      }
      if outcome == .finishedAsLast { return false }
      if outcome == .givenUp { break }
      done += cost
    }
    // A rank that is done early takes part in the agreement of those that are not.
    let verdict = try WorkLocation.within("layer", layer + 1) { try stop.agreeOnVerdict() }
    guard case .stop(let layers) = verdict, layers < costs.count else { return true }
    if layers < context.finishedLayers {
      execution.restoreStream()
    }
    context.finishedLayers = layers
    try execution.attention.drain(firstLayer: firstLayer)
    return false
  }

  /// What came of a layer.
  private enum LayerOutcome { case finished, finishedAsLast, givenUp }

  /// One layer, and the bookkeeping behind it.
  ///
  /// - Returns: whether it is finished; else `stop` has ended the prefill, and the residual stream
  ///   is as it was.
  private func run(
    _ layer: DecoderLayer, _ execution: PrefillExecution, _ stop: PrefillStop
  ) throws -> Bool {
    execution.begin(layer: layer.index)
    guard try layer.run(by: execution) else {
      _ = try stop.awaitVerdict()  // throws what went wrong on the way
      return false
    }
    context.finishedLayers = layer.index + 1
    stop.reachableLayers = execution.reachableLayers(finished: layer.index + 1)
    return true
  }

  /// Writes the embeddings of this rank's tokens; not all of them where `stop` ends the prefill.
  private func embed(
    _ tokens: [Int32], _ passing: PassingWeights.Pass?, _ stop: PrefillStop
  ) throws {
    guard let passing else {
      return embed(tokens, rows: 0..<Int.max, of: context.weights.embedding)
    }
    _ = try passing.forEachPartOfEmbedding(stop) { embed(tokens, rows: $0, of: $1) }
  }

  /// The embeddings of the tokens whose ids are among the rows.
  private func embed(_ tokens: [Int32], rows: Range<Int>, of embedding: WeightMatrix) {
    let share = context.share
    context.arithmetic.team.forEach(share.blocks.count) { index, _ in
      for token in share.tokens(ofBlock: index) {
        let id = tokens[share.position(ofToken: token)]
        guard rows.contains(Int(id)) else { continue }
        context.embed(id, of: embedding, into: context.stream.row(token))
      }
    }
  }
}
