import Kernels
import Planning
import Transformer

extension Workload {
  /// What a model asks for; its figures are those of the run record and of `inspect`.
  ///
  /// - Parameter weights: with shapes and formats; nothing else of them counts.
  init(_ weights: ModelWeights, _ arithmetic: Arithmetic, tokens: Int, answers: Int) {
    let numerics = arithmetic.numerics
    let attention: Machine.Multiplication = numerics.precision == .fp32 ? .fp32 : .bf16
    let asBytes =
      numerics.quantizedProducts == .int8
      && LinearGroup(weights.layers[0].attention.query).isQuantized
    self.init(
      tokens: tokens, answers: answers,
      layers: zip(weights.configuration.layers, weights.layers).map {
        Layer($0, $1, arithmetic)
      },
      head: LinearWeights([weights.head]), linear: asBytes ? .eightBit : attention,
      attention: attention)
    embeddingBytes = Double(weights.embedding.bytes)
    endsWithKeysAndValues = !weights.configuration.runsLastLayerWhole
  }
}

extension Workload.Layer {
  init(_ configuration: LayerConfiguration, _ weights: LayerWeights, _ arithmetic: Arithmetic) {
    let (attention, shape) = (weights.attention, configuration.attention.shape)
    let keysAndValues = [attention.key, attention.value].compactMap(\.self)
    let feedForward = weights.feedForward
    self.init(
      linear: [
        .init([attention.query] + keysAndValues), .init([attention.output]),
      ]
        + Self.groups(
          of: feedForward, configuration.feedForward, hiddenSize: attention.output.outputs),
      keyValueFlops: keysAndValues.reduce(0) { $0 + $1.flops },
      queryHeads: shape.queryHeads, headDimension: shape.headDimension,
      window: configuration.pattern.slidingWindow,
      keyValueBytes: Double(arithmetic.keyValueLayout(shape).blockBytes) / Double(tokensPerBlock))
  }

  /// Gate and up, and down: of a gated MLP, all three are of one size, and of experts each.
  private static func groups(
    of feedForward: any FeedForward, _ configuration: FeedForwardConfiguration, hiddenSize: Int
  ) -> [Workload.LinearWeights] {
    let bytes = feedForward.linearLayers.reduce(0) { $0 + $1.bytes }
    let active = Double(feedForward.bytesPerToken) / Double(bytes)
    let mixture = configuration.mixture
    let experts = mixture.map {
      Workload.Experts(
        chosen: $0.expertsPerToken, inputs: $0.expert.intermediateSize,
        // An MLP of the same rows counts as an expert that all of them go to.
        commonInputs: ($0.shared?.expert.intermediateSize ?? 0)
          + (configuration.dense?.intermediateSize ?? 0))
    }
    func group(_ part: Double, outputs: Double) -> Workload.LinearWeights {
      Workload.LinearWeights(
        bytes: part * Double(bytes), activeFraction: active,
        flops: part * feedForward.flopsPerToken, outputs: Int(outputs), experts: experts)
    }
    // Each token's gate and up have as many outputs as their FLOPs say: 2 · hiddenSize for each.
    let inner = feedForward.flopsPerToken * 2 / 3 / Double(2 * hiddenSize)
    return [group(2 / 3, outputs: inner), group(1 / 3, outputs: Double(hiddenSize))]
  }
}

extension Workload.LinearWeights {
  init(_ matrices: [WeightMatrix]) {
    self.init(
      bytes: Double(matrices.reduce(0) { $0 + $1.bytes }),
      flops: matrices.reduce(0) { $0 + $1.flops },
      outputs: matrices.reduce(0) { $0 + $1.outputs })
  }
}
