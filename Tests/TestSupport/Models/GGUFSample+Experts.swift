import Kernels
import ModelFiles
import Transformer

/// Samples with experts.
extension GGUFSample {
  package static let architecturesWithExperts = [
    "gemma4", "glm4moe", "gpt-oss", "mixtral", "olmoe", "qwen2moe", "qwen3moe",
  ]

  private static let experts = 6

  static func withExperts(_ size: Size) -> [String: Entry] {
    let inner = size.intermediate / 2
    let numbers: [(String, GGUFWriter.Value)] = [
      ("expert_count", .uint32(UInt32(experts))), ("expert_used_count", .uint32(2)),
    ]
    let innerKey: (String, GGUFWriter.Value) = (
      "expert_feed_forward_length", .uint32(UInt32(inner))
    )
    let common = #""rope_theta": 5000, "tie_word_embeddings": false, "num_experts_per_tok": 2"#
    let sliding = slidingLayers(of: "gemma4", size)
    func types(_ sliding: [Bool]) -> String {
      sliding.map { $0 ? #""sliding_attention""# : #""full_attention""# }.joined(separator: ", ")
    }
    return [
      "qwen2moe": (
        """
        \(common), "num_experts": \(experts), "moe_intermediate_size": \(inner),
        "shared_expert_intermediate_size": \(inner), "norm_topk_prob": false
        """,
        numbers + [innerKey, ("expert_shared_feed_forward_length", .uint32(UInt32(inner)))]
      ),
      "qwen3moe": (
        """
        \(common), "head_dim": 32, "num_experts": \(experts), "moe_intermediate_size": \(inner),
        "norm_topk_prob": true
        """, numbers + [innerKey, head(32)]
      ),
      "olmoe": (#"\#(common), "num_experts": \#(experts), "norm_topk_prob": false"#, numbers),
      "mixtral": (#"\#(common), "num_local_experts": \#(experts)"#, numbers),
      "glm4moe": (
        """
        \(common), "head_dim": 32, "n_routed_experts": \(experts), "moe_intermediate_size": \(inner),
        "n_shared_experts": 1, "routed_scaling_factor": 1.5, "n_group": 2, "topk_group": 1,
        "first_k_dense_replace": 1, "norm_topk_prob": true, "use_qk_norm": true,
        "attention_bias": true, "partial_rotary_factor": 0.5
        """,
        numbers + [
          innerKey, head(32), ("expert_shared_count", .uint32(1)),
          ("expert_gating_func", .uint32(2)),
          ("expert_weights_scale", .float32(1.5)), ("expert_weights_norm", .boolean(true)),
          ("expert_group_count", .uint32(2)), ("expert_group_used_count", .uint32(1)),
          ("leading_dense_block_count", .uint32(1)), ("rope.dimension_count", .uint32(16)),
        ]
      ),
      "gpt-oss": (
        """
        \(common), "head_dim": 32, "num_local_experts": \(experts), "attention_bias": true,
        "sliding_window": 20, "rope_scaling": {"rope_type": "yarn", "factor": 8, "beta_fast": 32,
          "beta_slow": 1, "original_max_position_embeddings": 512, "truncate": false}
        """,
        numbers + [
          ("expert_feed_forward_length", .uint32(UInt32(size.intermediate))), head(32),
          ("attention.sliding_window", .uint32(20)), ("rope.scaling.type", .text("yarn")),
          ("rope.scaling.factor", .float32(8)),
          ("rope.scaling.original_context_length", .uint32(512)),
        ]
      ),
      "gemma4": (
        """
        "head_dim": 32, "global_head_dim": 64, "num_global_key_value_heads": 1,
        "attention_k_eq_v": true, "sliding_window": 20, "layer_types": [\(types(sliding))],
        "final_logit_softcapping": 20, "hidden_size_per_layer_input": 0, "num_kv_shared_layers": 0,
        "enable_moe_block": true, "num_experts": \(experts), "top_k_experts": 2,
        "moe_intermediate_size": \(inner),
        "rope_parameters": {
          "full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25,
            "rope_theta": 5000},
          "sliding_attention": {"rope_type": "default", "rope_theta": 10000}}
        """,
        numbers + [
          innerKey, head(64), ("attention.key_length_swa", .uint32(32)),
          ("attention.sliding_window", .uint32(20)),
          ("attention.sliding_window_pattern", .booleans(sliding)),
          ("final_logit_softcapping", .float32(20)),
          ("attention.head_count_kv", .int32s(sliding.map { $0 ? Int32(keyValueHeads) : 1 })),
          ("rope.freq_base_swa", .float32(10_000)), ("rope.dimension_count", .uint32(64)),
        ]
      ),
    ]
  }

  /// A quarter of the pairs is rotated.
  static let gemma4Divisors = [Float](repeating: 1, count: 8) + [Float](repeating: 1e30, count: 24)

  private static func slidingLayers(of architecture: String, _ size: Size) -> [Bool] {
    (0..<size.layers).map { $0 % 3 != 2 && $0 != size.layers - 1 }
  }

  static let expertNames: [String: [String: String]] = {
    let experts = [
      "mlp.gate.weight": "ffn_gate_inp.weight", "mlp.experts.gate_proj": "ffn_gate_exps",
      "mlp.experts.up_proj": "ffn_up_exps", "mlp.experts.down_proj": "ffn_down_exps",
    ]
    func with(_ own: [String: String]) -> [String: String] { experts.merging(own) { $1 } }
    func shared(_ name: String) -> [String: String] {
      [
        "\(name).gate_proj.weight": "ffn_gate_shexp.weight",
        "\(name).up_proj.weight": "ffn_up_shexp.weight",
        "\(name).down_proj.weight": "ffn_down_shexp.weight",
      ]
    }
    let norm = ["post_attention_layernorm.weight": "post_attention_norm.weight"]
    return [
      "qwen2moe": with(
        shared("mlp.shared_expert").merging([
          "mlp.shared_expert_gate.weight": "ffn_gate_inp_shexp.weight"
        ]) { $1 }),
      "qwen3moe": experts, "olmoe": experts,
      "mixtral": [
        "block_sparse_moe.gate.weight": "ffn_gate_inp.weight",
        "block_sparse_moe.experts.w1": "ffn_gate_exps",
        "block_sparse_moe.experts.w2": "ffn_down_exps",
        "block_sparse_moe.experts.w3": "ffn_up_exps",
      ],
      "glm4moe": with(
        shared("mlp.shared_experts").merging(norm) { $1 }.merging([
          "mlp.gate.e_score_correction_bias": "exp_probs_b.bias"
        ]) { $1 }),
      "gpt-oss": with(norm).merging([
        "mlp.router.weight": "ffn_gate_inp.weight", "mlp.router.bias": "ffn_gate_inp.bias",
        "self_attn.sinks": "attn_sinks.weight",
      ]) { $1 },
      "gemma4": [
        "experts.gate_proj": "ffn_gate_exps", "experts.up_proj": "ffn_up_exps",
        "experts.down_proj": "ffn_down_exps", "router.proj.weight": "ffn_gate_inp.weight",
        "router.scale": "ffn_gate_inp.scale", "router.per_expert_scale": "ffn_down_exps.scale",
        "layer_scalar": "layer_output_scale.weight",
        "post_feedforward_layernorm_1.weight": "post_ffw_norm_1.weight",
        "pre_feedforward_layernorm_2.weight": "pre_ffw_norm_2.weight",
        "post_feedforward_layernorm_2.weight": "post_ffw_norm_2.weight",
      ],
    ]
  }()

  /// Nil for a name that all architectures have for it.
  func ownFileName(of name: String) -> String? {
    let parts = name.split(separator: ".", maxSplits: 3)
    guard let expertNames, parts.count == 4, parts[1] == "layers" else { return nil }
    return expertNames["\(parts[3])"].map { "blk.\(parts[2]).\($0)" }
  }

  /// Those that choose experts; files have them in float32 whatever the rest is in.
  func isRouter(_ name: String) -> Bool {
    [".gate.weight", "router.weight", "router.proj.weight", "shared_expert_gate.weight"].contains {
      name.hasSuffix($0)
    }
  }

  /// All experts of a layer in one: `[experts, outputs, inputs]`, and `[experts, outputs]` of biases.
  func stacks(_ tensors: [TensorView], _ type: TensorElementType) -> [GGUFWriter.Item] {
    var order: [String] = []
    var stacks: [String: [TensorView]] = [:]
    for tensor in tensors {
      guard let expert = ExpertTensorName(tensor.name) else { continue }
      let name = expert.prefix + expert.suffix.dropFirst()
      if stacks[name] == nil { order.append(name) }
      stacks[name, default: []].append(tensor)
    }
    return order.map { name in
      let experts = stacks[name]!
      let dot = name.lastIndex(of: ".")!
      let items = experts.map { item($0, type) }
      let part = ownFileName(of: String(name[..<dot]))!
      return GGUFWriter.Item(
        part + name[dot...], type: items[0].type, items[0].dimensions + [UInt64(experts.count)],
        items.flatMap(\.bytes))
    }
  }
}
