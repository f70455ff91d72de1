import Files

/// Metadata keys that change what is computed in a way that no architecture here, or not the file's,
/// does.
enum GGUFUnsupportedKey {
  private struct Group {
    let meaning: String
    /// With which nothing is asked for.
    let neutral: [Double]
    let keys: [String]
  }

  /// What is read where an architecture has experts.
  private static let expertKeys = [
    "expert_count", "expert_used_count", "expert_shared_count", "expert_feed_forward_length",
    "expert_shared_feed_forward_length", "leading_dense_block_count",
  ]

  private static let groups = [
    Group(meaning: "experts", neutral: [0], keys: expertKeys),
    Group(
      meaning: "experts of another kind", neutral: [0],
      keys: [
        "expert_chunk_feed_forward_length", "expert_group_scale", "experts_per_group",
        "interleave_moe_layer_step", "moe_every_n_layers", "moe_latent_size",
        "swiglu_clamp_exp", "swiglu_clamp_shexp",
      ]),
    Group(
      meaning: "activations that are multiplied", neutral: [0, 1],
      keys: ["logit_scale", "residual_scale", "embedding_scale", "attention.output_scale"]),
    Group(
      meaning: "other scores of attention", neutral: [0],
      keys: [
        "attention.max_alibi_bias", "attention.clamp_kqv", "attention.temperature_scale",
        "attention.temperature_length", "router_logit_softcapping",
      ]),
    Group(
      meaning: "other keys and values", neutral: [0],
      keys: [
        "attention.q_lora_rank", "attention.kv_lora_rank", "attention.shared_kv_layers",
        "attention.indexer.top_k",
      ]),
    Group(
      meaning: "layers of another kind", neutral: [0],
      keys: [
        "nextn_predict_layers", "full_attention_interval", "ssm.state_size", "ssm.conv_kernel",
        "altup.num_inputs", "embedding_length_per_layer_input", "n_deepstack_layers",
        "decoder_block_count",
      ]),
    Group(
      meaning: "another scaling of RoPE", neutral: [0, 1],
      keys: ["rope.scaling.alpha", "rope.scaling.yarn_ext_factor", "rope.scaling.yarn_attn_factor"]),
    Group(
      meaning: "another scaling of RoPE", neutral: [0], keys: ["rope.scaling.yarn_log_multiplier"]),
  ]

  /// Switches, with the value that asks for nothing.
  private static let switches: [String: (isOff: Bool, meaning: String)] = [
    "attention.causal": (true, "attention that is not causal"),
    "use_parallel_residual": (false, "another way of the residual stream"),
    "swin_norm": (false, "another norm"),
  ]

  /// Keys that are read for Gemma alone, and what other architectures could mean by them.
  private static let ofGemma = [
    "attn_logit_softcapping": "a cap of scores", "final_logit_softcapping": "a cap of logits",
    "attention.scale": "another scale of scores",
    "attention.sliding_window_pattern": "layers with and without a window",
  ]

  static let names = Set(groups.flatMap(\.keys)).union(switches.keys)

  /// - Throws: `FileError` that names the first key that asks for something.
  static func check(_ keys: GGUFKeys, _ architecture: GGUFArchitecture) throws {
    let isRead = { (key: String) in
      architecture.hasExperts != false && expertKeys.contains(key)
        || architecture.name == "glm4moe" && key == "nextn_predict_layers"
    }
    for group in groups {
      for key in group.keys where !isRead(key) {
        guard let value = try keys.isArray(key) ? .infinity : keys.number(key) else { continue }
        guard group.neutral.contains(value) else {
          throw keys.unsupported(key, text(value), group.meaning)
        }
      }
    }
    for (key, entry) in switches.sorted(by: { $0.key < $1.key }) {
      if let value = try keys.metadata.boolean(keys.prefix + key), value != entry.isOff {
        throw keys.unsupported(key, "\(value)", entry.meaning)
      }
    }
    guard !architecture.name.hasPrefix("gemma") || architecture.name == "gemma4" else { return }
    let read: Set =
      switch architecture.name {
      case "gemma4": ["attention.sliding_window_pattern", "final_logit_softcapping"]
      case "gpt-oss": ["attention.sliding_window_pattern"]
      default: []
      }
    for (key, meaning) in ofGemma.sorted(by: { $0.key < $1.key }) where !read.contains(key) {
      if keys.isArray(key) { throw keys.unsupported(key, "an array", meaning) }
      guard let value = try keys.number(key), value != 0 else { continue }
      throw keys.unsupported(key, text(value), meaning)
    }
  }

  private static func text(_ value: Double) -> String {
    value == .infinity ? "an array" : Int(exactly: value).map { "\($0)" } ?? "\(value)"
  }
}
