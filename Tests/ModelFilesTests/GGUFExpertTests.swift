import Files
import JSON
import ModelFiles
import TestSupport
import Testing

/// What GGUF files say of experts, and how they have them.
struct GGUFExpertTests {
  /// A model of two layers without tensors of them.
  private func file(
    _ architecture: String, _ pairs: [(String, GGUFWriter.Value)],
    _ items: [GGUFWriter.Item] = []
  ) -> GGUFWriter {
    let common: [(String, GGUFWriter.Value)] = [
      ("block_count", .uint32(2)), ("context_length", .uint32(64)),
      ("embedding_length", .uint32(64)), ("feed_forward_length", .uint32(96)),
      ("attention.head_count", .uint32(4)), ("attention.layer_norm_rms_epsilon", .float32(1e-6)),
    ]
    return GGUFWriter(
      metadata: [("general.architecture", .text(architecture))]
        + (common + pairs).map { ("\(architecture).\($0.0)", $0.1) },
      items: [
        GGUFWriter.Item("token_embd.weight", [64, 2], [UInt8](repeating: 0, count: 512)),
        .floats("output_norm.weight", [Float](repeating: 1, count: 64)),
        .floats("output.weight", [1]),
      ] + items)
  }

  private func model(
    _ architecture: String, _ pairs: [(String, GGUFWriter.Value)],
    _ items: [GGUFWriter.Item] = []
  ) throws -> GGUFModel {
    let directory = try TemporaryDirectory()
    return try GGUFModel(path: directory.write("m.gguf", file(architecture, pairs, items).bytes))
  }

  private func expectSettings(
    _ settings: [String: String], of model: GGUFModel, _ comment: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for (key, value) in settings.sorted(by: { $0.key < $1.key }) {
      let found = model.configuration.value(key)?.summary ?? "absent"
      #expect(found == value, "\(key) of \(comment)", sourceLocation: sourceLocation)
    }
  }

  private let numbers: [(String, GGUFWriter.Value)] = [
    ("expert_count", .uint32(8)), ("expert_used_count", .uint32(2)),
  ]

  @Test func metadataSaysWhatTheFamiliesSay() throws {
    let inner: (String, GGUFWriter.Value) = ("expert_feed_forward_length", .uint32(48))
    let cases: [(String, [(String, GGUFWriter.Value)], [String: String])] = [
      (
        "qwen2moe", [inner, ("expert_shared_feed_forward_length", .uint32(40))],
        [
          "model_type": "the string \"qwen2_moe\"", "num_experts": "the number 8",
          "num_experts_per_tok": "the number 2", "moe_intermediate_size": "the number 48",
          "shared_expert_intermediate_size": "the number 40", "norm_topk_prob": "false",
          "intermediate_size": "the number 96", "qkv_bias": "false",
        ]
      ),
      (
        "qwen3moe", [inner],
        [
          "model_type": "the string \"qwen3_moe\"", "num_experts": "the number 8",
          "moe_intermediate_size": "the number 48", "norm_topk_prob": "true",
        ]
      ),
      (
        "olmoe", [],
        [
          "model_type": "the string \"olmoe\"", "num_experts": "the number 8",
          "norm_topk_prob": "false", "intermediate_size": "the number 96",
        ]
      ),
      (
        "llama", [],
        [
          "model_type": "the string \"mixtral\"", "num_local_experts": "the number 8",
          "num_experts_per_tok": "the number 2", "num_experts": "absent",
        ]
      ),
      (
        "llama", [("attention.sliding_window", .uint32(7))],
        ["model_type": "the string \"mixtral\"", "sliding_window": "the number 7"]
      ),
      (
        "glm4moe",
        [
          inner, ("expert_shared_count", .uint32(1)), ("expert_gating_func", .uint32(2)),
          ("expert_weights_scale", .float32(2.5)), ("expert_weights_norm", .boolean(true)),
          ("expert_group_count", .uint32(4)), ("expert_group_used_count", .uint32(2)),
          ("leading_dense_block_count", .uint32(1)), ("nextn_predict_layers", .uint32(1)),
          ("rope.dimension_count", .uint32(8)),
        ],
        [
          "model_type": "the string \"glm4_moe\"", "n_routed_experts": "the number 8",
          "num_hidden_layers": "the number 1", "n_shared_experts": "the number 1",
          "routed_scaling_factor": "the number 2.5", "norm_topk_prob": "true",
          "n_group": "the number 4", "topk_group": "the number 2",
          "first_k_dense_replace": "the number 1", "use_qk_norm": "false",
        ]
      ),
      (
        "glm4moe", [inner],
        [
          "num_hidden_layers": "the number 2", "n_shared_experts": "the number 0",
          "routed_scaling_factor": "the number 1.0", "norm_topk_prob": "false",
          "n_group": "the number 1", "first_k_dense_replace": "the number 0",
        ]
      ),
      (
        "gpt-oss",
        [
          inner, ("attention.sliding_window", .uint32(20)), ("rope.scaling.type", .text("yarn")),
          ("rope.scaling.factor", .float32(32)),
          ("rope.scaling.original_context_length", .uint32(4096)),
        ],
        [
          "model_type": "the string \"gpt_oss\"", "num_local_experts": "the number 8",
          "sliding_window": "the number 20",
        ]
      ),
      ("gemma4", gemma4, ["enable_moe_block": "true", "top_k_experts": "the number 2"]),
    ]
    for (architecture, pairs, settings) in cases {
      let model = try model(architecture, numbers + pairs)
      #expect(model.unknownKeys == [], "\(architecture)")
      expectSettings(settings, of: model, architecture)
    }
    let rope = try model("gpt-oss", numbers + cases[7].1).configuration.object("rope_parameters")
    #expect(rope.value("truncate")?.summary == "false")
    #expect(
      try model("gpt-oss", numbers + cases[7].1).configuration.strings("layer_types")
        == ["sliding_attention", "full_attention"])
  }

  private let gemma4: [(String, GGUFWriter.Value)] = [
    ("expert_feed_forward_length", .uint32(48)), ("attention.key_length", .uint32(32)),
    ("attention.value_length", .uint32(32)), ("attention.key_length_swa", .uint32(16)),
    ("attention.value_length_swa", .uint32(16)), ("attention.sliding_window", .uint32(20)),
    ("attention.sliding_window_pattern", .booleans([true, false])),
    ("attention.head_count_kv", .int32s([2, 1])), ("attention.shared_kv_layers", .uint32(0)),
    ("embedding_length_per_layer_input", .uint32(0)), ("rope.freq_base", .float32(1_000_000)),
    ("rope.freq_base_swa", .float32(10_000)), ("rope.dimension_count", .uint32(32)),
    ("rope.dimension_count_swa", .uint32(16)),
  ]

  private static let quarter = GGUFWriter.Item.floats(
    "rope_freqs.weight", [Float](repeating: 1, count: 4) + [Float](repeating: 1e30, count: 12))

  /// Two kinds of heads, frequencies of which a part turns, and values that are keys where there are no
  /// tensors of them.
  @Test func gemma4HasTwoKindsOfLayers() throws {
    let model = try model("gemma4", gemma4, [Self.quarter])
    expectSettings(
      [
        "model_type": "the string \"gemma4_text\"", "head_dim": "the number 16",
        "global_head_dim": "the number 32", "num_key_value_heads": "the number 2",
        "num_global_key_value_heads": "the number 1", "attention_k_eq_v": "true",
        "final_logit_softcapping": "the number 30.0", "enable_moe_block": "false",
        "num_experts": "absent", "sliding_window": "the number 20",
        "query_pre_attn_scalar": "absent",
      ], of: model, "gemma4")
    #expect(model.unknownKeys == [])
    #expect(
      try model.configuration.strings("layer_types") == ["sliding_attention", "full_attention"])
    let rope = try model.configuration.object("rope_parameters")
    let (full, sliding) = (try rope.object("full_attention"), try rope.object("sliding_attention"))
    #expect(full.value("rope_type")?.summary == "the string \"proportional\"")
    #expect(full.value("partial_rotary_factor")?.summary == "the number 0.25")
    #expect(full.value("rope_theta")?.summary == "the number 1000000.0")
    #expect(sliding.value("rope_theta")?.summary == "the number 10000.0")
    #expect(sliding.value("rope_type")?.summary == "the string \"default\"")
    #expect(sliding.value("partial_rotary_factor") == nil)

    let values = GGUFWriter.Item(
      "blk.1.attn_v.weight", [64, 64], [UInt8](repeating: 0, count: 16384))
    let same =
      gemma4.filter { $0.0 != "attention.head_count_kv" }
      + [("attention.head_count_kv", .uint32(2))]
    expectSettings(
      [
        "attention_k_eq_v": "false", "num_key_value_heads": "the number 2",
        "num_global_key_value_heads": "absent",
      ], of: try self.model("gemma4", same, [Self.quarter, values]), "gemma4 with values")
  }

  @Test func whatIsNotSupportedIsRefused() throws {
    let cases: [(String, String, GGUFWriter.Value)] = [
      ("qwen3moe", "expert_gating_func", .uint32(2)),
      ("glm4moe", "expert_gating_func", .uint32(1)),
      ("gpt-oss", "expert_gating_func", .uint32(2)),
      ("qwen2moe", "expert_group_count", .uint32(2)),
      ("qwen3moe", "expert_shared_count", .uint32(1)),
      ("olmoe", "leading_dense_block_count", .uint32(1)),
      ("llama", "expert_weights_scale", .float32(2)),
      ("qwen3moe", "nextn_predict_layers", .uint32(1)),
      ("qwen3moe", "moe_every_n_layers", .uint32(2)),
      ("qwen3moe", "attention.sliding_window", .uint32(20)),
      ("glm4moe", "expert_chunk_feed_forward_length", .uint32(2)),
      ("olmoe", "attention.clamp_kqv", .float32(8)),
      ("gemma4", "attention.shared_kv_layers", .uint32(1)),
      ("gemma4", "embedding_length_per_layer_input", .uint32(64)),
      ("gemma4", "rope.scaling.factor", .float32(8)),
    ]
    for (architecture, key, value) in cases {
      var pairs = numbers + [("expert_feed_forward_length", .uint32(48))]
      if architecture == "gemma4" { pairs += gemma4.dropFirst() }
      pairs.removeAll { $0.0 == key }
      expectError(.unsupported, naming: ["\"\(architecture).\(key)\"", "m.gguf"], key) {
        _ = try model(architecture, pairs + [(key, value)])
      }
    }
    for key in ["expert_count", "expert_used_count", "expert_feed_forward_length"] {
      expectError(.malformed, naming: ["\"qwen3moe.\(key)\"", "m.gguf"]) {
        _ = try model(
          "qwen3moe",
          (numbers + [("expert_feed_forward_length", .uint32(48))]).filter { $0.0 != key })
      }
    }
    expectError(.malformed, naming: ["glm4moe.nextn_predict_layers", "2 blocks"]) {
      _ = try model("glm4moe", numbers + [("nextn_predict_layers", .uint32(2))])
    }
    expectError(.unsupported, naming: ["rope_freqs.weight", "gemma4"]) {
      _ = try model(
        "gemma4", gemma4, [.floats("rope_freqs.weight", [Float](repeating: 2, count: 16))])
    }
    expectError(.malformed, naming: ["gemma4.attention.head_count_kv", "2 layers"]) {
      let others = gemma4.filter { $0.0 != "attention.head_count_kv" }
      _ = try model("gemma4", others + [("attention.head_count_kv", .int32s([2]))])
    }
  }

  // MARK: Tensors

  /// Experts' width, without a key, is that of their tensors.
  @Test func theWidthFollowsFromTheTensors() throws {
    let down = GGUFWriter.Item(
      "blk.0.ffn_down_exps.weight", [24, 64, 8], [UInt8](repeating: 0, count: 24 * 64 * 8 * 4))
    expectSettings(
      ["moe_intermediate_size": "the number 24"],
      of: try model("qwen3moe", numbers, [down]), "qwen3moe")
  }

  /// Each family's names; those of llama.cpp's converter, as PyPI's gguf 0.19 has them, but for the ends of
  /// names that have no `weight` or `bias` in the family.
  @Test func tensorsHaveTheNamesOfTheFamilies() throws {
    let shared = ["gate": "gate_proj", "up": "up_proj", "down": "down_proj"]
    var cases: [(String, String, String)] = [
      ("qwen2moe", "ffn_gate_inp.weight", "mlp.gate.weight"),
      ("qwen2moe", "ffn_norm.weight", "post_attention_layernorm.weight"),
      ("qwen3moe", "attn_q_norm.weight", "self_attn.q_norm.weight"),
      ("olmoe", "attn_k_norm.weight", "self_attn.k_norm.weight"),
      ("llama", "ffn_gate_inp.weight", "block_sparse_moe.gate.weight"),
      ("llama", "ffn_gate.3.weight", "block_sparse_moe.experts.3.w1.weight"),
      ("llama", "ffn_up.0.weight", "block_sparse_moe.experts.0.w3.weight"),
      ("llama", "ffn_down.0.weight", "block_sparse_moe.experts.0.w2.weight"),
      ("glm4moe", "exp_probs_b.bias", "mlp.gate.e_score_correction_bias"),
      ("glm4moe", "post_attention_norm.weight", "post_attention_layernorm.weight"),
      ("glm4moe", "ffn_gate.weight", "mlp.gate_proj.weight"),
      ("gpt-oss", "attn_sinks.weight", "self_attn.sinks"),
      ("gpt-oss", "post_attention_norm.weight", "post_attention_layernorm.weight"),
      ("gpt-oss", "ffn_gate_inp.weight", "mlp.router.weight"),
      ("gpt-oss", "ffn_gate_inp.bias", "mlp.router.bias"),
      ("gemma4", "ffn_gate_inp.weight", "router.proj.weight"),
      ("gemma4", "ffn_gate_inp.scale", "router.scale"),
      ("gemma4", "ffn_down_exps.scale", "router.per_expert_scale"),
      ("gemma4", "layer_output_scale.weight", "layer_scalar"),
      ("gemma4", "post_attention_norm.weight", "post_attention_layernorm.weight"),
      ("gemma4", "ffn_norm.weight", "pre_feedforward_layernorm.weight"),
      ("gemma4", "post_ffw_norm.weight", "post_feedforward_layernorm.weight"),
      ("gemma4", "post_ffw_norm_1.weight", "post_feedforward_layernorm_1.weight"),
      ("gemma4", "pre_ffw_norm_2.weight", "pre_feedforward_layernorm_2.weight"),
      ("gemma4", "post_ffw_norm_2.weight", "post_feedforward_layernorm_2.weight"),
    ]
    for (part, family) in shared {
      cases.append(("qwen2moe", "ffn_\(part)_shexp.weight", "mlp.shared_expert.\(family).weight"))
      cases.append(("glm4moe", "ffn_\(part)_shexp.weight", "mlp.shared_experts.\(family).weight"))
    }
    for (architecture, stored, family) in cases {
      let width: (String, GGUFWriter.Value) = (
        "expert_shared_feed_forward_length", .uint32(48)
      )
      let pairs =
        architecture == "gemma4"
        ? Array(gemma4.dropFirst()) : architecture == "qwen2moe" ? [width] : []
      let model = try model(
        architecture, numbers + [("expert_feed_forward_length", .uint32(48))] + pairs,
        [.floats("blk.0.\(stored)", [1, 2])])
      let tensors = try model.openTensors()
      let name = "model.layers.0.\(family)"
      #expect(tensors.names.contains(name), "\(stored) of \(architecture)")
      #expect(tensors.tensor(named: name)?.shape == [2], "\(stored) of \(architecture)")
      #expect(tensors.storedName(of: name) == "blk.0.\(stored)")
      // What is not there is called as the files would call it, all experts in one.
      if !family.contains("experts.") {
        #expect(tensors.storedName(of: "model.layers.1.\(family)") == "blk.1.\(stored)")
      }
    }
  }

  @Test func allExpertsOfALayerAreSeenOneByOne() throws {
    let (experts, outputs, inputs) = (3, 2, 4)
    func item(_ name: String, _ dimensions: [Int]) -> GGUFWriter.Item {
      let count = dimensions.reduce(1, *)
      let floats = GGUFWriter.Item.floats(name, (0..<count).map { Float($0) })
      return GGUFWriter.Item(name, dimensions.map(UInt64.init), floats.bytes)
    }
    for (architecture, prefix, gate) in [
      ("qwen3moe", "mlp.experts", "gate_proj"), ("gpt-oss", "mlp.experts", "gate_proj"),
      ("llama", "block_sparse_moe.experts", "w1"), ("gemma4", "experts", "gate_proj"),
    ] {
      let pairs = architecture == "gemma4" ? Array(gemma4.dropFirst()) : []
      let tensors = try model(
        architecture, numbers + [("expert_feed_forward_length", .uint32(48))] + pairs,
        [
          item("blk.0.ffn_gate_exps.weight", [inputs, outputs, experts]),
          item("blk.0.ffn_gate_exps.bias", [outputs, experts]),
          item("blk.1.ffn_gate_up_exps.weight", [inputs, 2 * outputs, experts]),
        ]
      ).openTensors()
      for expert in 0..<experts {
        let name = "model.layers.0.\(prefix).\(expert).\(gate)"
        let weight = try #require(tensors.tensor(named: "\(name).weight"), "\(architecture)")
        #expect(weight.shape == [outputs, inputs])
        #expect(weight.bytes.load(as: Float.self) == Float(expert * outputs * inputs))
        #expect(tensors.storedName(of: "\(name).weight") == "blk.0.ffn_gate_exps.weight[\(expert)]")
        let bias = try #require(tensors.tensor(named: "\(name).bias"))
        #expect(
          bias.shape == [outputs] && bias.bytes.load(as: Float.self) == Float(expert * outputs))
        let fused = try #require(
          tensors.tensor(named: "model.layers.1.\(prefix).\(expert).\(gate).weight"))
        #expect(fused.shape == [outputs, inputs])
        #expect(fused.bytes.load(as: Float.self) == Float(2 * expert * outputs * inputs))
      }
      #expect(
        tensors.storedName(of: "model.layers.0.\(prefix).3.\(gate).weight")
          == "blk.0.ffn_gate_exps.weight")
    }
  }

  /// The gate of a shared expert is one row, and what predicts further tokens is left out.
  @Test func vectorsAndFurtherLayersAreTakenForWhatTheyAre() throws {
    let gate = try model(
      "qwen2moe",
      numbers + [
        ("expert_feed_forward_length", .uint32(48)),
        ("expert_shared_feed_forward_length", .uint32(48)),
      ], [.floats("blk.0.ffn_gate_inp_shexp.weight", [1, 2, 3])]
    ).openTensors().tensor(named: "model.layers.0.mlp.shared_expert_gate.weight")
    #expect(gate?.shape == [1, 3])
    let tensors = try model(
      "glm4moe",
      numbers + [
        ("expert_feed_forward_length", .uint32(48)), ("nextn_predict_layers", .uint32(1)),
      ],
      [
        .floats("blk.0.attn_norm.weight", [1]), .floats("blk.1.attn_norm.weight", [1]),
        .floats("blk.1.nextn.enorm.weight", [1]),
      ]
    ).openTensors()
    #expect(tensors.names.filter { $0.contains("1") || $0.contains("nextn") } == [])
    #expect(tensors.names.contains("model.layers.0.input_layernorm.weight"))
  }

  /// In gpt-oss a message ends before an answer does.
  @Test func answersOfGptOssEndWithTheirOwnTokens() throws {
    var file = file("gpt-oss", numbers + [("expert_feed_forward_length", .uint32(48))])
    file.items[0] = GGUFWriter.Item(
      "token_embd.weight", [64, 4], [UInt8](repeating: 0, count: 1024))
    file.metadata += [
      ("tokenizer.ggml.tokens", .texts(["<|end|>", "<|call|>", "a", "<|return|>"])),
      ("tokenizer.ggml.eos_token_id", .uint32(3)),
    ]
    let directory = try TemporaryDirectory()
    let model = try GGUFModel(path: directory.write("m.gguf", file.bytes))
    #expect(try model.configuration.integers("eos_token_id") == [3, 1])
  }
}
