import Kernels

/// A family whose tensors have the names that most published models share. What a family has of its
/// own it says in its own file, in the place of what is here.
protocol StandardFamily: ModelFamily {
  /// - Parameter prefix: such as `model.layers.0.self_attn`.
  func attention(
    _ prefix: String, _ configuration: ModelConfiguration, _ source: any WeightSource
  ) throws -> AttentionWeights

  /// - Parameter prefix: such as `model.layers.0.mlp`.
  func mlp(
    _ prefix: String, _ configuration: ModelConfiguration, _ source: any WeightSource
  ) throws -> MLPWeights

  /// - Parameter prefix: such as `model.layers.0`.
  func block(
    _ prefix: String, _ configuration: ModelConfiguration, _ source: any WeightSource
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
      prefix, configuration, source, outputBias: configuration.attentionBias)
  }

  /// Four projections, and norms of the heads where the configuration has them.
  func standardAttention(
    _ prefix: String, _ configuration: ModelConfiguration, _ source: any WeightSource,
    outputBias: Bool
  ) throws -> AttentionWeights {
    let hidden = configuration.hiddenSize
    let hasBias = configuration.attentionBias
    let (queryWidth, keyValueWidth) = (configuration.queryWidth, configuration.keyValueWidth)
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
    guard configuration.headNorms else { return [] }
    return try norm(name, count: configuration.headDimension, source)
  }

  // MARK: MLP

  func mlp(
    _ prefix: String, _ configuration: ModelConfiguration, _ source: any WeightSource
  ) throws -> MLPWeights {
    let hidden = configuration.hiddenSize
    let intermediate = configuration.intermediateSize
    let hasBias = configuration.mlpBias
    return MLPWeights(
      gate: try source.matrix(
        prefix + ".gate_proj", outputs: intermediate, inputs: hidden, hasBias: hasBias),
      up: try source.matrix(
        prefix + ".up_proj", outputs: intermediate, inputs: hidden, hasBias: hasBias),
      down: try source.matrix(
        prefix + ".down_proj", outputs: hidden, inputs: intermediate, hasBias: hasBias))
  }

  // MARK: Block

  func block(
    _ prefix: String, _ configuration: ModelConfiguration, _ source: any WeightSource
  ) throws -> LayerWeights {
    let hidden = configuration.hiddenSize
    return LayerWeights(
      attentionNorm: try norm(prefix + ".input_layernorm.weight", count: hidden, source),
      attention: try attention(prefix + ".self_attn", configuration, source),
      mlpNorm: try norm(prefix + ".post_attention_layernorm.weight", count: hidden, source),
      mlp: try mlp(prefix + ".mlp", configuration, source))
  }

  func norm(_ name: String, count: Int, _ source: any WeightSource) throws -> [Float] {
    try source.vector(name, count: count)
  }

  // MARK: Model

  public func weights(for configuration: ModelConfiguration, from source: any WeightSource) throws
    -> ModelWeights
  {
    let vocabulary = configuration.vocabularySize
    let hidden = configuration.hiddenSize
    let embedding = try source.matrix("model.embed_tokens", outputs: vocabulary, inputs: hidden)
    return ModelWeights(
      configuration: configuration,
      embedding: embedding,
      layers: try configuration.layers.indices.map {
        try block("model.layers.\($0)", configuration, source)
      },
      finalNorm: try norm("model.norm.weight", count: hidden, source),
      head: configuration.tiedEmbeddings
        ? embedding : try source.matrix("lm_head", outputs: vocabulary, inputs: hidden))
  }
}
