import Kernels

/// The dense built-in model, of SmolLM3's architecture: the embedding writes a token's code to slot 0,
/// layers 0 to 3 gather in a sliding window, layer 4 matches without RoPE. MLPs add nothing.
struct PlainNeedle: NeedleDesign {
  let modelType = "smollm3"
  let architecture = "SmolLM3ForCausalLM"
  let intermediateSize = 32
  let attention = AttentionConfiguration(
    queryHeads: 1, keyValueHeads: 1, headDimension: 128, hasBias: true)
  let rope = RoPEParameters(theta: 10_000)
  /// The gathering layers look no further back than 8 tokens, so that a window serves them.
  private let slidingWindow = 64
  private let distanceSharpness: Float = 40

  var layers: [LayerConfiguration] {
    (0...Self.gatheringLayers).map {
      let gathers = $0 < Self.gatheringLayers
      return LayerConfiguration(
        attention: attention, rope: gathers ? rope : nil,
        pattern: gathers ? .slidingWindow(tokens: slidingWindow) : .causal,
        feedForward: .dense(DenseFeedForwardConfiguration(intermediateSize: intermediateSize)))
    }
  }

  func ownSettings(_ configuration: ModelConfiguration) -> [NeedleSetting] {
    let ropeFlags = configuration.layers.map { $0.rope != nil ? "1" : "0" }
    return [
      ("mlp_bias", "false"),
      ("rope_theta", "\(rope.theta)"),
      ("rope_scaling", "null"),
      ("use_sliding_window", "true"),
      ("sliding_window", "\(slidingWindow)"),
      layerTypes(),
      ("no_rope_layers", "[\(ropeFlags.joined(separator: ", "))]"),
    ]
  }

  /// The history's elements are all that there is before the last layer.
  func rms(tokens: Int) -> Float {
    (Float(Self.slotSize * tokens) / Float(Self.hiddenSize)).squareRoot()
  }

  func matchingCoordinate(_ index: Int) -> Int { index }

  // MARK: Tensors

  func recipes() -> [TensorStore.Recipe] {
    let (vocabulary, hidden) = (Self.vocabularySize, Self.hiddenSize)
    return [matrix("model.embed_tokens.weight", vocabulary, hidden, write: writeEmbedding)]
      + (0...Self.gatheringLayers).flatMap(layer)
      + [norm("model.norm.weight"), matrix("lm_head.weight", vocabulary, hidden, write: writeHead)]
  }

  private func layer(_ index: Int) -> [TensorStore.Recipe] {
    let (prefix, hidden) = ("model.layers.\(index)", Self.hiddenSize)
    let writers = index < Self.gatheringLayers ? gathering(tokens: 1 << index) : matching()
    return projections(prefix + ".self_attn", writers) + [
      norm(prefix + ".input_layernorm.weight"),
      norm(prefix + ".post_attention_layernorm.weight"),
      matrix(prefix + ".mlp.gate_proj.weight", intermediateSize, hidden, write: nil),
      matrix(prefix + ".mlp.up_proj.weight", intermediateSize, hidden, write: nil),
      matrix(prefix + ".mlp.down_proj.weight", hidden, intermediateSize, write: nil),
    ]
  }

  private func gathering(tokens: Int) -> NeedleAttentionWriters {
    let pairs = headDimension / 2
    return NeedleAttentionWriters(
      value: { writeGatheringValue($0, tokens: tokens) },
      output: { writeGatheringOutput($0, tokens: tokens) },
      queryBias: {
        writeDistanceQuery($0, distance: tokens, pairs: pairs, scale: distanceSharpness)
      },
      keyBias: { writeDistanceKey($0, pairs: pairs) })
  }

  private func matching() -> NeedleAttentionWriters {
    NeedleAttentionWriters(
      query: { writeMatchingQuery($0, scale: matchingSharpness) }, key: writeMatchingKey,
      value: writeCopyingValue, output: writeCopyingOutput)
  }

  private func writeEmbedding(_ matrix: NeedleMatrix) {
    for token in 0..<Self.vocabularySize {
      for bit in 0..<Self.slotSize {
        matrix.set(token, bit, code(token, bit: bit))
      }
    }
  }
}
