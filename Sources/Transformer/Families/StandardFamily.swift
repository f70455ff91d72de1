import Kernels

/// A family whose tensors have the names that most published models share. What a family has of its
/// own it says in its own file, in the place of what is here.
protocol StandardFamily: ModelFamily {
  /// - Parameter prefix: such as `model.layers.0.self_attn`.
  func attention(
    _ prefix: String, _ layer: LayerConfiguration, _ configuration: ModelConfiguration,
    _ source: any WeightSource
  ) throws -> AttentionWeights

  /// A dense feed-forward.
  ///
  /// - Parameter prefix: such as `model.layers.0.mlp`.
  func mlp(
    _ prefix: String, _ dense: DenseFeedForwardConfiguration, hiddenSize: Int,
    _ source: any WeightSource
  ) throws -> any FeedForward

  /// A mixture of experts.
  ///
  /// - Parameter prefix: such as `model.layers.0.mlp`.
  func mixture(
    _ prefix: String, _ mixture: MixtureConfiguration, hiddenSize: Int, _ source: any WeightSource
  ) throws -> any FeedForward

  /// The feed-forward of whatever kind the layer has.
  ///
  /// - Parameter prefix: such as `model.layers.0`.
  func feedForward(
    _ prefix: String, _ layer: LayerConfiguration, _ configuration: ModelConfiguration,
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

  /// The projections, and what else the configuration says that there is.
  func attention(
    _ prefix: String, _ layer: LayerConfiguration, _ configuration: ModelConfiguration,
    _ source: any WeightSource
  ) throws -> AttentionWeights {
    let attention = layer.attention
    let (hidden, hasBias) = (configuration.hiddenSize, attention.hasBias)
    let (queryWidth, keyValueWidth) = (attention.queryWidth, attention.keyValueWidth)
    return AttentionWeights(
      query: try source.matrix(
        prefix + ".q_proj", outputs: queryWidth, inputs: hidden, hasBias: hasBias),
      key: try source.matrix(
        prefix + ".k_proj", outputs: keyValueWidth, inputs: hidden, hasBias: hasBias),
      value: attention.keysAreValues
        ? nil
        : try source.matrix(
          prefix + ".v_proj", outputs: keyValueWidth, inputs: hidden, hasBias: hasBias),
      output: try source.matrix(
        prefix + ".o_proj", outputs: hidden, inputs: queryWidth,
        hasBias: attention.hasOutputBias),
      queryNorm: try norm(
        prefix + ".q_norm.weight", of: attention.queryHeads, attention, source),
      keyNorm: try norm(
        prefix + ".k_norm.weight", of: attention.keyValueHeads, attention, source),
      sinks: attention.hasSinks
        ? try source.vector(prefix + ".sinks", count: attention.queryHeads) : [])
  }

  /// The norm of so many heads; empty for none.
  private func norm(
    _ name: String, of heads: Int, _ attention: AttentionConfiguration, _ source: any WeightSource
  ) throws -> [Float] {
    let count = attention.norms.factors(heads: heads, headDimension: attention.headDimension)
    return count == 0 ? [] : try norm(name, count: count, source)
  }

  // MARK: Feed-forward

  func mlp(
    _ prefix: String, _ dense: DenseFeedForwardConfiguration, hiddenSize: Int,
    _ source: any WeightSource
  ) throws -> any FeedForward {
    try gatedMLP(prefix, dense, hiddenSize: hiddenSize, source)
  }

  /// Three projections.
  ///
  /// - Parameter names: of gate, up and down.
  func gatedMLP(
    _ prefix: String, _ dense: DenseFeedForwardConfiguration, hiddenSize: Int,
    _ source: any WeightSource,
    names: (gate: String, up: String, down: String) = ("gate_proj", "up_proj", "down_proj")
  ) throws -> DenseFeedForward {
    func matrix(_ name: String, outputs: Int, inputs: Int) throws -> WeightMatrix {
      try source.matrix(
        "\(prefix).\(name)", outputs: outputs, inputs: inputs, hasBias: dense.hasBias)
    }
    let intermediate = dense.intermediateSize
    return DenseFeedForward(
      gate: try matrix(names.gate, outputs: intermediate, inputs: hiddenSize),
      up: try matrix(names.up, outputs: intermediate, inputs: hiddenSize),
      down: try matrix(names.down, outputs: hiddenSize, inputs: intermediate),
      activation: dense.activation)
  }

  func feedForward(
    _ prefix: String, _ layer: LayerConfiguration, _ configuration: ModelConfiguration,
    _ source: any WeightSource
  ) throws -> any FeedForward {
    switch layer.feedForward {
    case .dense(let dense):
      try mlp(prefix + ".mlp", dense, hiddenSize: configuration.hiddenSize, source)
    case .mixture(let mixture):
      try self.mixture(prefix + ".mlp", mixture, hiddenSize: configuration.hiddenSize, source)
    case .denseAndMixture:
      preconditionFailure("a family whose layers have both says how")
    }
  }

  /// A mixture of experts whose router is called `gate`.
  func mixture(
    _ prefix: String, _ mixture: MixtureConfiguration, hiddenSize: Int, _ source: any WeightSource
  ) throws -> any FeedForward {
    let router = Router(
      try source.router(prefix + ".gate", outputs: mixture.experts, inputs: hiddenSize))
    return try self.mixture(prefix, mixture, router, hiddenSize: hiddenSize, source)
  }

  /// - Parameter shared: the name of the expert that every token goes to, if there is one.
  func mixture(
    _ prefix: String, _ mixture: MixtureConfiguration, _ router: Router, hiddenSize: Int,
    _ source: any WeightSource, shared: String = "shared_expert"
  ) throws -> MixtureOfExperts {
    MixtureOfExperts(
      mixture, router: router,
      experts: try experts(prefix, mixture, hiddenSize: hiddenSize, source),
      shared: try mixture.shared.map {
        try gatedMLP("\(prefix).\(shared)", $0.expert, hiddenSize: hiddenSize, source)
      })
  }

  /// - Parameter prefix: such as `model.layers.0.mlp`.
  func experts(
    _ prefix: String, _ mixture: MixtureConfiguration, hiddenSize: Int, _ source: any WeightSource
  ) throws -> [DenseFeedForward] {
    try (0..<mixture.experts).map {
      try gatedMLP("\(prefix).experts.\($0)", mixture.expert, hiddenSize: hiddenSize, source)
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
      attention: try attention(prefix + ".self_attn", layer, configuration, source),
      feedForwardNorm: try norm(
        prefix + ".post_attention_layernorm.weight", count: hidden, source),
      feedForward: try feedForward(prefix, layer, configuration, source),
      outputScale: try outputScale(prefix, layer, source))
  }

  /// With norms of what attention and feed-forward add.
  func fourNormBlock(
    _ prefix: String, _ layer: LayerConfiguration, _ configuration: ModelConfiguration,
    _ source: any WeightSource
  ) throws -> LayerWeights {
    func norm(_ name: String) throws -> [Float] {
      try self.norm("\(prefix).\(name).weight", count: configuration.hiddenSize, source)
    }
    return LayerWeights(
      attentionNorm: try norm("input_layernorm"),
      attention: try attention(prefix + ".self_attn", layer, configuration, source),
      attentionOutputNorm: try norm("post_attention_layernorm"),
      feedForwardNorm: try norm("pre_feedforward_layernorm"),
      feedForward: try feedForward(prefix, layer, configuration, source),
      feedForwardOutputNorm: try norm("post_feedforward_layernorm"),
      outputScale: try outputScale(prefix, layer, source))
  }

  /// What the stream is multiplied by behind the layer.
  func outputScale(
    _ prefix: String, _ layer: LayerConfiguration, _ source: any WeightSource
  ) throws -> Float {
    layer.hasOutputScale ? try source.vector(prefix + ".layer_scalar", count: 1)[0] : 1
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
