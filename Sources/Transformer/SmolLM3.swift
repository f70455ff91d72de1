import Kernels

/// SmolLM3 (Hugging Face, 2025): grouped-query attention, some layers without RoPE, sliding windows
/// on some layers.
///
/// Tensor names, keys and defaults are those of `SmolLM3Config` and `SmolLM3ForCausalLM` in Hugging
/// Face Transformers.
public struct SmolLM3: ModelFamily {
  public let modelType = "smollm3"

  public init() {}

  // MARK: Attention

  private func attention(
    _ prefix: String, _ configuration: ModelConfiguration, _ source: any WeightSource
  ) throws -> AttentionWeights {
    let hidden = configuration.hiddenSize
    let hasBias = configuration.attentionBias
    let queryWidth = configuration.queryWidth
    let keyValueWidth = configuration.keyValueWidth
    return AttentionWeights(
      query: try source.matrix(
        prefix + ".q_proj", outputs: queryWidth, inputs: hidden, hasBias: hasBias),
      key: try source.matrix(
        prefix + ".k_proj", outputs: keyValueWidth, inputs: hidden, hasBias: hasBias),
      value: try source.matrix(
        prefix + ".v_proj", outputs: keyValueWidth, inputs: hidden, hasBias: hasBias),
      output: try source.matrix(
        prefix + ".o_proj", outputs: hidden, inputs: queryWidth, hasBias: hasBias))
  }

  // MARK: MLP

  private func mlp(
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

  private func block(
    _ prefix: String, _ configuration: ModelConfiguration, _ source: any WeightSource
  ) throws -> LayerWeights {
    let hidden = configuration.hiddenSize
    return LayerWeights(
      attentionNorm: try source.vector(prefix + ".input_layernorm.weight", count: hidden),
      attention: try attention(prefix + ".self_attn", configuration, source),
      mlpNorm: try source.vector(prefix + ".post_attention_layernorm.weight", count: hidden),
      mlp: try mlp(prefix + ".mlp", configuration, source))
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
      finalNorm: try source.vector("model.norm.weight", count: hidden),
      head: configuration.tiedEmbeddings
        ? embedding : try source.matrix("lm_head", outputs: vocabulary, inputs: hidden))
  }

  // MARK: Configuration

  /// Keys that `configuration(from:)` reads.
  private static let readKeys: Set<String> = [
    "architectures", "attention_bias", "bos_token_id", "eos_token_id", "head_dim", "hidden_act",
    "hidden_size", "intermediate_size", "layer_types", "max_position_embeddings", "mlp_bias",
    "model_type", "no_rope_layer_interval", "no_rope_layers", "num_attention_heads",
    "num_hidden_layers", "num_key_value_heads", "rms_norm_eps", "rope_parameters", "rope_scaling",
    "rope_theta", "sliding_window", "tie_word_embeddings", "use_sliding_window", "vocab_size",
  ]

  /// Keys that do not bear on what the model computes at inference: training, provenance, the
  /// storage type (which each tensor states itself), and two that SmolLM3 inherited and nothing
  /// reads.
  private static let ignoredKeys: Set<String> = [
    "_name_or_path", "attention_dropout", "dtype", "id2label", "initializer_range", "label2id",
    "max_window_layers", "pad_token_id", "pretraining_tp", "return_dict", "tokenizer_class",
    "torch_dtype", "transformers.js_config", "transformers_version", "unsloth_fixed",
    "unsloth_version", "use_cache",
  ]

  public func configuration(from source: any ConfigurationSource) throws -> ModelConfiguration {
    try source.refuseKeys(except: Self.readKeys.union(Self.ignoredKeys), modelType: modelType)
    if let architectures = try source.strings("architectures"),
      !architectures.contains("SmolLM3ForCausalLM")
    {
      throw ModelError(
        .unsupported,
        "\(source.name) does not list \"SmolLM3ForCausalLM\" under \"architectures\"; "
          + "no other is supported"
      )
    }
    let activation = try source.string("hidden_act") ?? "silu"
    guard activation == "silu" else {
      throw ModelError(
        .unsupported,
        "\(source.name) sets \"hidden_act\" to \(quoted(activation)); only \"silu\" is supported")
    }
    let hiddenSize = try source.integer("hidden_size") ?? 2048
    // Hugging Face's defaults hold for absent keys only; null says that there is none of its own.
    let queryHeads = try source.integer("num_attention_heads") ?? 16
    let keyValueHeads =
      try source.integer("num_key_value_heads")
      ?? (source.keys.contains("num_key_value_heads") ? queryHeads : 4)
    return try ModelConfiguration(
      modelType: modelType,
      hiddenSize: hiddenSize,
      intermediateSize: source.integer("intermediate_size") ?? 11008,
      vocabularySize: source.integer("vocab_size") ?? 128_256,
      queryHeads: queryHeads,
      keyValueHeads: keyValueHeads,
      headDimension: headDimension(source, hiddenSize: hiddenSize, queryHeads: queryHeads),
      rmsNormEpsilon: source.number("rms_norm_eps") ?? 1e-6,
      attentionBias: source.boolean("attention_bias") ?? false,
      mlpBias: source.boolean("mlp_bias") ?? false,
      tiedEmbeddings: source.boolean("tie_word_embeddings") ?? true,
      maximumPositions: source.integer("max_position_embeddings") ?? 32_768,
      rope: rope(source),
      layers: layers(source),
      beginningOfSequenceToken: source.integer("bos_token_id")
        ?? (source.keys.contains("bos_token_id") ? nil : 128_000),
      endOfSequenceTokens: source.integers("eos_token_id")
        ?? (source.keys.contains("eos_token_id") ? [] : [128_001]))
  }

  private func headDimension(
    _ source: any ConfigurationSource, hiddenSize: Int, queryHeads: Int
  ) throws -> Int {
    if let headDimension = try source.integer("head_dim") { return headDimension }
    guard queryHeads >= 1, hiddenSize % queryHeads == 0 else {
      throw ModelError(
        .malformed,
        "\(source.name) has no \"head_dim\", and \"hidden_size\" \(hiddenSize) cannot be divided "
          + "evenly by \"num_attention_heads\" \(queryHeads)")
    }
    return hiddenSize / queryHeads
  }

  private func rope(_ source: any ConfigurationSource) throws -> RoPEParameters {
    if source.has("rope_scaling") {
      throw ModelError(
        .unsupported, "\(source.name) sets \"rope_scaling\"; only RoPE without scaling is supported"
      )
    }
    var theta = try source.number("rope_theta") ?? 2_000_000
    if let parameters = try source.object("rope_parameters") {
      try parameters.refuseKeys(except: ["rope_theta", "rope_type"], modelType: modelType)
      let type = try parameters.string("rope_type") ?? "default"
      guard type == "default" else {
        throw ModelError(
          .unsupported,
          "\(source.name) sets \"rope_type\" to \(quoted(type)); only \"default\" is supported")
      }
      theta = try parameters.number("rope_theta") ?? theta
    }
    return RoPEParameters(theta: theta)
  }

  private func layers(_ source: any ConfigurationSource) throws -> [LayerConfiguration] {
    let count = try source.integer("num_hidden_layers") ?? 36
    // Before anything of that size is made.
    try ModelConfiguration.check(
      "the number of layers", count, upTo: ModelConfiguration.largestLayerCount)
    let usesRoPE = try layersUsingRoPE(source, count: count)
    let usesWindow = try source.boolean("use_sliding_window") ?? false
    let window = usesWindow ? try source.integer("sliding_window") : nil

    guard let types = try source.strings("layer_types") else {
      // The windows, if any, are on the layers without RoPE.
      return usesRoPE.map {
        LayerConfiguration(usesRoPE: $0, slidingWindow: $0 ? nil : window)
      }
    }
    guard types.count == count else {
      throw ModelError(
        .malformed,
        "\(source.name) has \(types.count) \"layer_types\" for \(count) layers; "
          + "there must be one for each"
      )
    }
    return try zip(types, usesRoPE).map { type, usesRoPE in
      switch type {
      case "full_attention":
        return LayerConfiguration(usesRoPE: usesRoPE, slidingWindow: nil)
      case "sliding_attention":
        guard let window else {
          throw ModelError(
            .malformed,
            "\(source.name) lists \"sliding_attention\" under \"layer_types\", but gives no "
              + "\"sliding_window\" with \"use_sliding_window\" true")
        }
        return LayerConfiguration(usesRoPE: usesRoPE, slidingWindow: window)
      default:
        throw ModelError(
          .unsupported,
          "\(source.name) lists \(quoted(type)) under \"layer_types\"; only \"full_attention\" and "
            + "\"sliding_attention\" are supported")
      }
    }
  }

  /// Despite its name, `no_rope_layers` has a 1 for each layer with RoPE and a 0 for each without.
  private func layersUsingRoPE(_ source: any ConfigurationSource, count: Int) throws -> [Bool] {
    guard let flags = try source.integers("no_rope_layers") else {
      let interval = try source.integer("no_rope_layer_interval") ?? 4
      guard interval >= 1 else {
        throw ModelError(
          .malformed,
          "\(source.name) sets \"no_rope_layer_interval\" to \(interval), but it must be at least 1"
        )
      }
      return (1...count).map { $0 % interval != 0 }
    }
    guard flags.count >= count else {
      throw ModelError(
        .malformed,
        "\(source.name) has \(flags.count) \"no_rope_layers\" for \(count) layers; "
          + "there must be one for each"
      )
    }
    return try flags.prefix(count).map { flag in
      guard flag == 0 || flag == 1 else {
        throw ModelError(
          .malformed,
          "\(source.name) lists \(flag) under \"no_rope_layers\"; only 0 and 1 may stand there")
      }
      return flag == 1
    }
  }
}
