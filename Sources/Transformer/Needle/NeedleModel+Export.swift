import Foundation

extension NeedleModel {
  /// `config.json` of an exported model, as Hugging Face Transformers and `SmolLM3` read it.
  public func configurationJSON() -> Data {
    let layerTypes = configuration.layers.map {
      $0.pattern == .causal ? "\"full_attention\"" : "\"sliding_attention\""
    }
    let ropeFlags = configuration.layers.map { $0.rope != nil ? "1" : "0" }
    return Data(
      """
      {
        "architectures": ["SmolLM3ForCausalLM"],
        "model_type": "\(configuration.modelType)",
        "torch_dtype": "bfloat16",
        "vocab_size": \(configuration.vocabulary.size),
        "hidden_size": \(configuration.hiddenSize),
        "intermediate_size": \(Self.intermediateSize),
        "num_hidden_layers": \(configuration.layers.count),
        "num_attention_heads": \(configuration.attention.queryHeads),
        "num_key_value_heads": \(configuration.attention.keyValueHeads),
        "head_dim": \(configuration.attention.headDimension),
        "hidden_act": "silu",
        "rms_norm_eps": \(configuration.normalization.epsilon),
        "attention_bias": \(configuration.attention.hasBias),
        "attention_dropout": 0.0,
        "mlp_bias": false,
        "tie_word_embeddings": \(configuration.vocabulary.isTied),
        "max_position_embeddings": \(configuration.sequence.maximumPositions),
        "rope_theta": \(Self.ropeTheta),
        "rope_scaling": null,
        "use_sliding_window": true,
        "sliding_window": \(Self.slidingWindow),
        "layer_types": [\(layerTypes.joined(separator: ", "))],
        "no_rope_layers": [\(ropeFlags.joined(separator: ", "))],
        "bos_token_id": \(Self.beginningOfSequenceToken),
        "eos_token_id": \(Self.endOfSequenceToken),
        "pad_token_id": null,
        "use_cache": true
      }

      """.utf8)
  }

  /// `generation_config.json` of an exported model: greedy, until the line ends.
  public func generationConfigurationJSON() -> Data {
    Data(
      """
      {
        "bos_token_id": \(Self.beginningOfSequenceToken),
        "eos_token_id": \(Self.endOfSequenceToken),
        "do_sample": false,
        "max_new_tokens": 64,
        "stop_strings": ["\\n"]
      }

      """.utf8)
  }
}
