import Kernels

/// A family whose tensors have the names that most published models share. What a family has of its
/// own it says in its own file, in the place of what is here.
protocol StandardFamily: ModelFamily {
  /// - Parameter prefix: such as `model.layers.0.self_attn`.
  func attention(
    _ prefix: String, _ configuration: ModelConfiguration, _ source: any WeightSource
  ) throws -> AttentionWeights

  /// A dense feed-forward.
  ///
  /// - Parameter prefix: such as `model.layers.0.mlp`.
  func mlp(
    _ prefix: String, _ dense: DenseFeedForwardConfiguration, hiddenSize: Int,
    _ source: any WeightSource
  ) throws -> any FeedForward

  /// - Parameter prefix: such as `model.layers.0`.
  func block(
    _ prefix: String, _ layer: LayerConfiguration, _ configuration: ModelConfiguration,
    _ source: any WeightSource
  ) throws -> LayerWeights

  /// The factors of an RMSNorm, `[count]`.
  func norm(_ name: String, count: Int, _ source: any WeightSource) throws -> [Float]
}

extension StandardFamily {
  // MARK: Attention

  func attention(
    _ prefix: String, _ configuration: ModelConfiguration, _ source: any WeightSource
  ) throws -> AttentionWeights {
    try standardAttention(
      prefix, configuration, source, outputBias: configuration.attention.hasBias)
  }

  /// Four projections, and norms of the heads where the configuration has them.
  func standardAttention(
    _ prefix: String, _ configuration: ModelConfiguration, _ source: any WeightSource,
    outputBias: Bool
  ) throws -> AttentionWeights {
    let hidden = configuration.hiddenSize
    let hasBias = configuration.attention.hasBias
    let (queryWidth, keyValueWidth) = (
      configuration.attention.queryWidth, configuration.attention.keyValueWidth
    )
    return AttentionWeights(
      query: try source.matrix(
        prefix + ".q_proj", outputs: queryWidth, inputs: hidden, hasBias: hasBias),
      key: try source.matrix(
        prefix + ".k_proj", outputs: keyValueWidth, inputs: hidden, hasBias: hasBias),
      value: try source.matrix(
        prefix + ".v_proj", outputs: keyValueWidth, inputs: hidden, hasBias: hasBias),
      output: try source.matrix(
        prefix + ".o_proj", outputs: hidden, inputs: queryWidth, hasBias: outputBias),
      queryNorm: try headNorm(prefix + ".q_norm.weight", configuration, source),
      keyNorm: try headNorm(prefix + ".k_norm.weight", configuration, source))
  }

  private func headNorm(
    _ name: String, _ configuration: ModelConfiguration, _ source: any WeightSource
  ) throws -> [Float] {
    guard configuration.attention.hasHeadNorms else { return [] }
    return try norm(name, count: configuration.attention.headDimension, source)
  }

  // MARK: Feed-forward

  func mlp(
    _ prefix: String, _ dense: DenseFeedForwardConfiguration, hiddenSize: Int,
    _ source: any WeightSource
  ) throws -> any FeedForward {
    func matrix(_ name: String, outputs: Int, inputs: Int) throws -> WeightMatrix {
      try source.matrix(
        "\(prefix).\(name)", outputs: outputs, inputs: inputs, hasBias: dense.hasBias)
    }
    let intermediate = dense.intermediateSize
    return DenseFeedForward(
      gate: try matrix("gate_proj", outputs: intermediate, inputs: hiddenSize),
      up: try matrix("up_proj", outputs: intermediate, inputs: hiddenSize),
      down: try matrix("down_proj", outputs: hiddenSize, inputs: intermediate),
      activation: dense.activation)
  }

  /// The feed-forward of whatever kind the layer has.
  func feedForward(
    _ prefix: String, _ layer: LayerConfiguration, _ configuration: ModelConfiguration,
    _ source: any WeightSource
  ) throws -> any FeedForward {
    switch layer.feedForward {
    case .dense(let dense):
      try mlp(prefix + ".mlp", dense, hiddenSize: configuration.hiddenSize, source)
    }
  }

  // MARK: Block

  func block(
    _ prefix: String, _ layer: LayerConfiguration, _ configuration: ModelConfiguration,
    _ source: any WeightSource
  ) throws -> LayerWeights {
    let hidden = configuration.hiddenSize
    return LayerWeights(
      attentionNorm: try norm(prefix + ".input_layernorm.weight", count: hidden, source),
      attention: try attention(prefix + ".self_attn", configuration, source),
      feedForwardNorm: try norm(
        prefix + ".post_attention_layernorm.weight", count: hidden, source),
      feedForward: try feedForward(prefix, layer, configuration, source))
  }

  func norm(_ name: String, count: Int, _ source: any WeightSource) throws -> [Float] {
    try source.vector(name, count: count)
  }

  // MARK: Model

  public func weights(for configuration: ModelConfiguration, from source: any WeightSource) throws
    -> ModelWeights
  {
    let vocabulary = configuration.vocabulary.size
    let hidden = configuration.hiddenSize
    let embedding = try source.matrix("model.embed_tokens", outputs: vocabulary, inputs: hidden)
    return ModelWeights(
      configuration: configuration,
      embedding: embedding,
      layers: try configuration.layers.enumerated().map { index, layer in
        try block("model.layers.\(index)", layer, configuration, source)
      },
      finalNorm: try norm("model.norm.weight", count: hidden, source),
      head: configuration.vocabulary.isTied
        ? embedding : try source.matrix("lm_head", outputs: vocabulary, inputs: hidden))
  }
}
