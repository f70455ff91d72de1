/// A key of `config.json` that changes what is computed, in a way that a family does not support:
/// where a model sets it to anything but a neutral value, its logits would be other ones here.
package struct UnsupportedKey: Sendable {
  package let key: String
  /// The values with which nothing is asked for; the key may always be absent.
  package let neutral: [ConfigurationValue]
  /// What the other values ask for.
  package let meaning: String
  /// The key that, being false, takes the effect of this one away; nil where there is none.
  var switchKey: String?

  /// Whether `value` asks for something. A list does where one of its elements does; an empty list or
  /// object never does.
  package func asks(_ value: ConfigurationValue) -> Bool {
    switch value {
    case .list(let elements): elements.contains(where: asks)
    case .object(isEmpty: true): false
    default: !neutral.contains(value)
    }
  }
}

/// Every such key, by what it asks for: those that the configuration classes of Transformers have for
/// the families here, and those of related families, which people set on these. A family that reads a
/// key is not held to what stands here.
extension UnsupportedKey {
  package static let all: [String: UnsupportedKey] = {
    let groups = [
      directions, encoders, experts, biases, scores, multipliers, norms, headNorms, residuals,
      positions, windows, sharing, activations, otherLayers, otherWeights, otherInputs,
    ]
    return Dictionary(
      uniqueKeysWithValues: groups.flatMap(\.keys).map { ($0.key, $0) })
  }()

  /// The group's name where it is experts: what is said of them depends on the families there are.
  static let expertsMeaning = experts.meaning

  private struct Group {
    let meaning: String
    let keys: [UnsupportedKey]

    /// - Parameters:
    ///   - neutral: the neutral values of each key. Null is one of them: for most keys Transformers
    ///     takes it as it takes false.
    ///   - switches: for keys that have one.
    init(
      _ meaning: String, nullIsNeutral: Bool = true, _ neutral: [String: [ConfigurationValue]],
      switches: [String: String] = [:]
    ) {
      self.meaning = meaning
      keys = neutral.map { key, values in
        UnsupportedKey(
          key: key, neutral: nullIsNeutral ? values + [.null] : values, meaning: meaning,
          switchKey: switches[key])
      }
    }
  }

  /// Transformers takes a null `is_causal` as false: every position sees every other.
  private static let directions = Group(
    "attention that is not causal", nullIsNeutral: false,
    [
      "is_causal": [true], "use_bidirectional_attention": [false, .null],
      "bidirectional": [false, .null], "prefix_lm": [false, .null],
    ])

  private static let encoders = Group(
    "an encoder, or attention to one",
    [
      "is_encoder_decoder": [false], "add_cross_attention": [false],
      // All models here are decoders, whether they say so or have the base class's value.
      "is_decoder": [false, true],
      "cross_attention_hidden_size": [], "cross_attention_layers": [],
      "tie_encoder_decoder": [false], "encoder": [], "decoder": [],
    ])

  private static let experts = Group(
    "experts",
    [
      // One expert is a dense feed-forward.
      "num_experts": [0, 1], "num_local_experts": [0, 1], "n_routed_experts": [0],
      "num_routed_experts": [0], "moe_num_experts": [0, 1], "n_shared_experts": [0],
      "num_shared_experts": [0], "num_experts_per_tok": [0, 1], "num_experts_per_token": [0, 1],
      "num_selected_experts": [0, 1], "moe_topk": [0, 1], "moe_top_k": [0, 1], "moe_k": [0, 1],
      "top_k_experts": [0, 1], "moe_intermediate_size": [0],
      "shared_expert_intermediate_size": [0], "shared_intermediate_size": [0],
      "decoder_sparse_step": [0], "first_k_dense_replace": [0], "mlp_only_layers": [],
      "moe_layers": [], "moe_layer_freq": [0], "moe_layer_interval": [0],
      "interleave_moe_layer_step": [0], "enable_moe_block": [false], "is_moe": [false],
      "use_moe": [false], "moe_config": [], "ffn_config": [], "mlp_layer_types": ["dense"],
    ])

  private static let biases = Group(
    "biases that these models do not have",
    [
      "attention_bias": [false], "attention_out_bias": [false], "attn_bias": [false],
      "qkv_bias": [false], "use_qkv_bias": [false], "add_qkv_bias": [false],
      "mlp_bias": [false], "use_bias": [false], "bias": [false], "add_bias_linear": [false],
      "enable_bias": [false], "no_bias": [true], "lm_head_bias": [false], "norm_bias": [false],
    ])

  private static let scores = Group(
    "other scores of attention",
    [
      "attn_logit_softcapping": [], "attention_logit_cap": [], "final_logit_softcapping": [],
      "query_pre_attn_scalar": [], "attention_multiplier": [], "softmax_scale": [],
      "attn_scale": [], "scale_attn_weights": [true], "scale_attn_by_inverse_layer_idx": [false],
      "attn_temperature_tuning": [false], "clip_qkv": [], "attention_sink": [false],
      "attention_sink_size": [0], "add_swa_attention_sink_bias": [false],
      "add_full_attention_sink_bias": [false], "use_logn_attn": [false],
    ])

  private static let multipliers = Group(
    "activations that are multiplied",
    [
      "embedding_multiplier": [1], "residual_multiplier": [1], "logits_scaling": [1],
      "logit_scale": [1], "lm_head_multiplier": [1], "key_multiplier": [1],
      "attention_in_multiplier": [1], "attention_out_multiplier": [1], "mlp_multipliers": [1],
      "ssm_multipliers": [1], "ssm_in_multiplier": [1], "ssm_out_multiplier": [1],
      "scale_emb": [1], "scale_depth": [], "dim_model_base": [], "scale_embedding": [false],
      "scale_embeddings": [false], "residual_scale": [1], "use_mup": [false],
      "normalize_embeddings": [false],
    ])

  private static let norms = Group(
    "other norms than RMSNorm before attention and MLP",
    [
      "norm_type": rmsNorm, "layer_norm_type": rmsNorm, "layernorm_type": rmsNorm,
      "normalization_type": rmsNorm, "normalization": rmsNorm, "norm_class": rmsNorm,
      "use_rms_norm": [true], "rms_norm": [true], "do_layer_norm_before": [true],
      "pre_norm": [true], "post_norm": [false], "use_post_norm": [false], "norm_after": [false],
      "sandwich_norm": [false], "elementwise_affine": [true],
      "layer_norm_elementwise_affine": [true], "_remove_final_layer_norm": [false],
    ])
  private static let rmsNorm: [ConfigurationValue] = [
    "rms_norm", "rmsnorm", "RMSNorm", "rms", "rms_layernorm",
  ]

  private static let headNorms = Group(
    "norms of queries and keys",
    [
      "use_qk_norm": [false], "qk_norm": [false], "qk_layernorm": [false],
      "use_qk_layernorm": [false], "qk_layer_norms": [false], "qk_ln": [false],
      "query_key_norm": [false],
    ])

  private static let residuals = Group(
    "another way of the residual stream",
    [
      "use_parallel_residual": [false], "parallel_residual": [false], "parallel_attn": [false],
      "parallel_block": [false], "new_decoder_architecture": [false],
      "num_ln_in_parallel_attn": [], "apply_residual_connection_post_layernorm": [false],
      "altup_num_inputs": [], "laurel_rank": [],
    ])

  private static let positions = Group(
    "another encoding of positions",
    [
      "alibi": [false], "use_alibi": [false], "learned_pos_emb": [false],
      "position_embedding_type": ["rope", "rotary"], "pos_embed_type": ["rope", "rotary"],
      "use_rope": [true], "use_rotary_embedding": [true], "use_rotary_embeddings": [true],
      "rope_interleave": [false], "rope_interleaved": [false], "rotary_interleaved": [false],
      "rotary_pct": [1], "rotary_percent": [1], "rotary_emb_fraction": [1], "rotary_dim": [],
      "partial_rotary_factor": [1], "rotary_emb_base": [], "rope_ratio": [1],
      "rope_local_base_freq": [], "use_dynamic_ntk": [false], "use_mem_rope": [false],
      "original_max_position_embeddings": [], "no_rope_layers": [1],
      "no_rope_layer_interval": [0], "nope_layer_interval": [0],
    ])

  private static let windows = Group(
    "attention that sees other positions",
    [
      "sliding_window": [], "use_sliding_window": [false], "sliding_window_pattern": [],
      "_sliding_window_pattern": [], "interleaved_sliding_window": [], "sliding_window_size": [],
      "attention_window": [], "attention_window_size": [], "attention_chunk_size": [],
      "layer_types": ["full_attention"], "layers_block_type": ["attention", "full_attention"],
      "attn_config": [], "sparse_config": [], "use_sparse_attention": [false],
      "sparse_attention_config": [],
    ], switches: ["sliding_window": "use_sliding_window"])

  private static let sharing = Group(
    "other keys and values, which heads or layers share",
    [
      "multi_query": [false], "num_kv_shared_layers": [0], "cla_share_factor": [1],
      "use_cla": [false], "attention_k_eq_v": [false], "kv_lora_rank": [0], "q_lora_rank": [0],
      "qk_nope_head_dim": [0], "qk_rope_head_dim": [0], "v_head_dim": [],
    ])

  private static let activations = Group(
    "another activation or MLP",
    [
      "activation": gated, "activation_function": gated, "hidden_activation": gated,
      "ffn_act_fn": gated, "gated_mlp": [true], "glu_mlp": [true], "use_gated_mlp": [true],
      "swiglu_limit": [], "swiglu_alpha": [], "activation_sparsity_pattern": [0],
      "use_double_wide_mlp": [false], "hidden_size_per_layer_input": [0],
    ])
  private static let gated: [ConfigurationValue] = ["silu", "swish", "swiglu"]

  private static let otherLayers = Group(
    "layers of other kinds, or layers that differ",
    [
      "per_layer_config": [], "block_configs": [], "mamba_d_state": [0], "mamba_n_heads": [0],
      "ssm_cfg": [], "attn_layer_indices": [], "attn_layer_period": [], "full_attn_idxs": [],
      "hybrid_override_pattern": [], "linear_num_value_heads": [0], "conv_L_cache": [],
    ])

  private static let otherWeights = Group(
    "adapters, or weights in other files",
    [
      "adapter_rank": [0], "use_shared_attention_adapter": [false], "peft_config": [],
      "transformers_weights": [],
    ])

  private static let otherInputs = Group(
    "inputs that are not text",
    [
      "text_config": [], "vision_config": [], "audio_config": [], "vision_tower": [],
      "mm_vision_tower": [], "mm_projector_type": [],
    ])
}
