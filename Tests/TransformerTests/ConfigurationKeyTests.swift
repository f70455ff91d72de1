import Foundation
import Testing
import Transformer

/// Which keys of `config.json` are refused, which bear on nothing, and which nobody knows.
@Suite struct ConfigurationKeyTests {
  /// The configuration, and the keys that nobody knows.
  private func read(_ type: String, _ settings: [String: JSONValue]) throws -> [String] {
    let source = JSONSource(
      settings.merging(["model_type": .string(type)]) { $1 }
        .merging(FamilyTests.least[type] ?? [:]) { own, _ in own })
    _ = try ModelFamilies.configuration(from: source)
    return try ModelFamilies.remarks(on: source).unknownKeys
  }

  private func refusal(_ type: String, _ settings: [String: JSONValue]) -> String {
    let error = #expect(throws: ModelError.self, "\(type) \(settings)") {
      try read(type, settings)
    }
    #expect(error?.kind == .unsupported)
    return error?.message ?? ""
  }

  // MARK: What Transformers' classes have

  /// Keys of the base class and of the classes of the families, with values that ask for nothing and
  /// one that asks for something; a family that reads a key is left out there.
  private static let asking: [(key: String, neutral: [JSONValue], asking: JSONValue)] = [
    // The base class, today and in older files.
    ("is_causal", [true], false), ("is_causal", [true], .null),
    ("is_encoder_decoder", [false, .null], true), ("add_cross_attention", [false, .null], true),
    ("is_decoder", [false, true, .null], "no"), ("tie_encoder_decoder", [false], true),
    ("cross_attention_hidden_size", [.null], 64), ("per_layer_config", [.null, [:]], ["3": 1]),
    // Llama, SmolLM3.
    ("attention_bias", [false, .null], true), ("mlp_bias", [false, .null], true),
    ("no_rope_layers", [.null, [], [1, 1]], [1, 0]), ("no_rope_layer_interval", [.null, 0], 4),
    // Mistral, Qwen.
    ("sliding_window", [.null], 4096), ("use_sliding_window", [false, .null], true),
    ("layer_types", [.null, ["full_attention"]], ["full_attention", "sliding_attention"]),
    // Gemma.
    ("hidden_activation", [.null, "silu"], "gelu_pytorch_tanh"),
    ("query_pre_attn_scalar", [.null], 256), ("final_logit_softcapping", [.null], 30),
    ("attn_logit_softcapping", [.null], 50), ("_sliding_window_pattern", [.null], 6),
    ("use_bidirectional_attention", [.null, false], true), ("rope_local_base_freq", [.null], 5),
    // Phi-3.
    ("original_max_position_embeddings", [.null], 4096),
    ("partial_rotary_factor", [.null, 1], 0.5),
  ]

  /// Keys of the same classes, and of `GenerationConfig`, that bear on nothing.
  private static let harmless: [String: JSONValue] = [
    "transformers_version": "5.24.0", "output_hidden_states": true, "return_dict": false,
    "dtype": "float16", "torch_dtype": "float32", "chunk_size_feed_forward": 3,
    "id2label": ["0": "A"], "label2id": ["A": 0], "num_labels": 7, "problem_type": "regression",
    "_name_or_path": "x", "name_or_path": "x", "output_attentions": true,
    "tie_last_hidden_states": true, "pruned_heads": ["1": [2]], "torchscript": true,
    "use_bfloat16": true, "tokenizer_class": "X", "prefix": "x", "sep_token_id": 4,
    "decoder_start_token_id": 5, "task_specific_params": ["a": 1], "finetuning_task": "x",
    "tf_legacy_loss": true, "initializer_range": 0.5, "use_cache": false, "pretraining_tp": 2,
    "attention_dropout": 0.1, "resid_pdrop": 0.1, "embd_pdrop": 0.1, "pad_token_id": 3,
    "max_window_layers": 9, "_attn_implementation": "eager", "attn_implementation": "sdpa",
    "_flash_attn_2_enabled": true, "use_flash_attention_2": true, "_commit_hash": "0",
    "max_sequence_length": 2048, "max_length": 20, "min_length": 1, "eos_token": "</s>",
    "pad_token": "<pad>", "badwordsids": [1], "internal_version": "1", "model_max_length": 9,
    "tokenizer_model_max_length": 9, "tokenizer_padding_side": "right",
    "neftune_noise_alpha": 5, "gradient_checkpointing": true, "do_sample": true,
    "temperature": 0.6, "num_beams": 4, "repetition_penalty": 1.1, "top_k": 5, "top_p": 0.9,
    "bad_words_ids": [[1]], "suppress_tokens": [2], "no_repeat_ngram_size": 3,
    "is_llama_config": true, "rope_interleaved": false, "_model_name_or_path": "x",
    "unk_token_id": 0, "auto_map": ["AutoConfig": "x"], "quantization_config": .null,
  ]

  private static let read: [String: Set<String>] = [
    "llama": ["attention_bias", "mlp_bias"],
    "mistral": ["sliding_window"],
    "qwen2": ["attention_bias", "sliding_window", "use_sliding_window", "layer_types"],
    "qwen3": ["attention_bias", "sliding_window", "use_sliding_window", "layer_types"],
    "smollm3": [
      "attention_bias", "mlp_bias", "no_rope_layers", "no_rope_layer_interval", "sliding_window",
      "use_sliding_window", "layer_types",
    ],
    "gemma2": [
      "attention_bias", "hidden_activation", "query_pre_attn_scalar", "final_logit_softcapping",
      "attn_logit_softcapping", "sliding_window", "layer_types",
    ],
    "gemma3_text": [
      "attention_bias", "hidden_activation", "query_pre_attn_scalar", "final_logit_softcapping",
      "attn_logit_softcapping", "sliding_window", "layer_types", "_sliding_window_pattern",
      "rope_local_base_freq",
    ],
    "phi3": ["sliding_window", "original_max_position_embeddings", "partial_rotary_factor"],
    "mixtral": ["num_experts", "num_local_experts", "sliding_window"],
    "qwen2_moe": [
      "layer_types", "mlp_only_layers", "num_experts", "num_local_experts", "sliding_window",
      "use_sliding_window",
    ],
    "qwen3_moe": [
      "attention_bias", "mlp_only_layers", "num_experts", "num_local_experts", "sliding_window",
      "use_sliding_window",
    ],
    "olmoe": ["attention_bias", "clip_qkv", "num_experts", "num_local_experts"],
    "glm4_moe": [
      "attention_bias", "n_routed_experts", "num_local_experts", "partial_rotary_factor",
      "use_qk_norm",
    ],
    "gpt_oss": [
      "attention_bias", "layer_types", "num_experts", "num_local_experts", "sliding_window",
    ],
    "gemma4_text": [
      "attention_bias", "final_logit_softcapping", "hidden_activation", "layer_types",
      "num_experts", "per_layer_config", "sliding_window", "use_bidirectional_attention",
    ],
  ]

  @Test(arguments: FamilyTests.types)
  func everyKeyOfTransformersClasses(type: String) throws {
    let read = try #require(Self.read[type])
    for (key, neutral, asking) in Self.asking where !read.contains(key) {
      for value in neutral {
        var settings = [key: value]
        if key == "layer_types" || key == "no_rope_layers", case .array(let list) = value {
          settings["num_hidden_layers"] = .integer(max(1, list.count))
        }
        #expect(try self.read(type, settings) == [], "\(key): \(value)")
      }
      let message = refusal(type, [key: asking])
      #expect(message.contains("\"\(key)\": "), "\(message)")
      #expect(message.contains("\"\(type)\""), "\(message)")
    }
    #expect(try self.read(type, Self.harmless) == [])
    for (key, value) in Self.harmless { #expect(try self.read(type, [key: value]) == [], "\(key)") }
  }

  /// What people set on these families, and what other ones have.
  @Test(arguments: FamilyTests.types)
  func keysOfRelatedFamilies(type: String) throws {
    let cases: [(key: String, neutral: JSONValue, asking: JSONValue)] = [
      ("num_experts", 0, 8), ("num_local_experts", 1, 8), ("n_routed_experts", .null, 64),
      ("clip_qkv", .null, 8), ("logit_scale", 1, 0.0625), ("embedding_multiplier", 1, 12),
      ("residual_multiplier", 1.0, 0.22), ("attention_multiplier", .null, 0.0078125),
      ("logits_scaling", 1, 8), ("use_qk_norm", false, true), ("qk_layernorm", false, true),
      ("use_parallel_residual", false, true), ("parallel_attn", false, true),
      ("alibi", false, true), ("norm_type", "rms_norm", "layer_norm"),
      ("position_embedding_type", "rope", "absolute"), ("rope_interleaved", false, true),
      ("attention_chunk_size", .null, 8192), ("activation", "swiglu", "gelu"),
      ("vision_config", .null, ["hidden_size": 3]), ("mlp_only_layers", [], [3]),
      ("kv_lora_rank", .null, 512), ("mamba_d_state", .null, 128),
    ]
    let ownKeys = try #require(Self.read[type])
    for (key, neutral, asking) in cases where !ownKeys.contains(key) {
      #expect(try read(type, [key: neutral]) == [], "\(key)")
      #expect(refusal(type, [key: asking]).contains("\"\(key)\": "))
    }
  }

  // MARK: Errors

  @Test func everyKeyThatAsksForSomethingIsNamed() {
    let message = refusal(
      "llama",
      [
        "num_experts": 8, "alibi": true, "is_causal": false, "magic": 1,
        "rope_scaling": ["rope_type": "linear", "factor": 2, "beta_fast": 3, "mscale": 1],
      ])
    for word in [
      "\"num_experts\": 8", "\"alibi\": true", "\"is_causal\": false", "\"rope_scaling.beta_fast\"",
      "\"rope_scaling.mscale\"", "not causal",
    ] {
      #expect(message.contains(word), "\(word) in \(message)")
    }
    #expect(!message.contains("magic"))
  }

  /// A value of a key that is read, too.
  @Test func whatIsNotSupportedOfAKeyThatIsReadIsSaidBesides() {
    let cases: [(settings: [String: JSONValue], words: [String])] = [
      (
        ["rope_scaling": ["type": "axial", "factor": 2]],
        ["\"axial\" in \"rope_scaling\"", "\"yarn\""]
      ),
      (["hidden_act": "relu"], ["\"hidden_act\"", "\"relu\""]),
    ]
    for (settings, words) in cases {
      let message = refusal("llama", settings.merging(["alibi": true]) { $1 })
      for word in words + ["\"alibi\": true", "besides"] {
        #expect(message.contains(word), "\(word) in \(message)")
      }
    }
    // What contradicts itself is not said before what the model is.
    let message = refusal("llama", ["alibi": true, "num_hidden_layers": -1])
    #expect(message.contains("\"alibi\": true") && !message.contains("besides"))
  }

  /// As in files that were made from those of Qwen.
  @Test func aWindowThatIsSwitchedOffIsNone() throws {
    let window: [String: JSONValue] = ["sliding_window": 4096, "max_window_layers": 3]
    for type in ["llama", "smollm3", "qwen2"] {
      #expect(try read(type, window.merging(["use_sliding_window": false]) { $1 }) == [])
    }
    for use in [true, .null] as [JSONValue] {
      let message = refusal("llama", window.merging(["use_sliding_window": use]) { $1 })
      #expect(message.contains("\"sliding_window\": 4096"))
    }
  }

  @Test func keysThatNoTypeOfRoPEHasAreRefused() throws {
    for (key, neutral) in [("alpha", 1), ("llama_4_scaling_beta", 0), ("long_mscale", 1)] {
      func settings(_ value: Double) -> [String: JSONValue] {
        ["rope_scaling": ["type": "linear", "factor": 2, "\(key)": .number(value)]]
      }
      #expect(try read("llama", settings(Double(neutral))) == [])
      #expect(refusal("llama", settings(0.5)).contains("\"rope_scaling.\(key)\": 0.5"))
    }
    #expect(try read("llama", ["rope_scaling": ["type": "default", "factor": 1]]) == [])
  }

  /// What is said of experts is what the registry has.
  @Test func expertsNameTheFamiliesThatHaveThem() {
    let message = refusal("llama", ["num_experts": 8])
    let families = ModelFamilies.all.filter(\.hasExperts).map(\.modelType)
    if families.isEmpty { #expect(message.contains("no supported family has")) }
    for family in families { #expect(message.contains("\"\(family)\"")) }
  }

  @Test func architectureAndQuantizationComeFirst() {
    let asking: [String: JSONValue] = [
      "is_causal": false, "architectures": ["LlamaForSequenceClassification"],
      "quantization_config": ["quant_method": "gptq", "bits": 4],
    ]
    var message = refusal("llama", asking)
    #expect(message.contains("LlamaForSequenceClassification"))
    message = refusal("llama", asking.merging(["architectures": []]) { $1 })
    for word in ["\"quantization_config\"", "\"gptq\"", "4 bits", "BF16"] {
      #expect(message.contains(word), "\(word) in \(message)")
    }
    #expect(!message.contains("is_causal"))
  }

  @Test func quantizationIsNamedAsFarAsTheFileSays() throws {
    let cases: [(key: String, value: JSONValue, words: [String])] = [
      ("quantization_config", ["quant_method": "awq", "bits": 4], ["\"awq\"", "4 bits"]),
      (
        "quantization_config", ["quant_method": "bitsandbytes", "load_in_8bit": true],
        ["\"bitsandbytes\"", "8 bits"]
      ),
      ("quantization_config", ["quant_method": "fp9"], ["\"fp9\""]),
      ("quantization_config", "x", ["\"quantization_config\""]),
      ("quantization", ["group_size": 64, "bits": 4], ["\"quantization\"", "4 bits"]),
      ("compression_config", ["quant_method": 7], ["\"compression_config\""]),
    ]
    for (key, value, words) in cases {
      let message = refusal("qwen2", [key: value])
      for word in words { #expect(message.contains(word), "\(word) in \(message)") }
    }
    for value in [.null, false, [:]] as [JSONValue] {
      #expect(try read("qwen2", ["quantization_config": value]) == [])
    }
  }

  // MARK: Unknown keys

  @Test func unknownKeysAreCollected() throws {
    let many = Dictionary(
      uniqueKeysWithValues: (0..<40).map { ("magic_\($0)", JSONValue.integer($0)) })
    #expect(try read("llama", many) == many.keys.sorted())
    #expect(
      try read("llama", ["a": false, "b": .null, "rope_scaling": ["type": "default", "xyz": 1]])
        == ["a", "rope_scaling.xyz"])
    let kinds: JSONValue = [
      "full_attention": ["rope_type": "default", "x": 1], "sliding_attention": ["y": .null],
    ]
    #expect(
      try read("gemma3_text", ["rope_parameters": kinds]) == ["rope_parameters.full_attention.x"])
    #expect(
      refusal("llama", ["rope_parameters": kinds]).contains("\"rope_parameters.full_attention\""))
    let flat: JSONValue = ["rope_type": "default", "rope_theta": 5]
    #expect(
      refusal("gemma3_text", ["rope_parameters": flat]).contains("\"rope_parameters.rope_theta\""))
  }

  @Test func noKeyIsOfTwoKinds() {
    #expect(HarmlessKeys.all.isDisjoint(with: UnsupportedKey.all.keys))
    for entry in UnsupportedKey.all.values {
      #expect(entry.neutral.allSatisfy { !entry.asks($0) }, "\(entry.key)")
      #expect(entry.asks("something else"), "\(entry.key)")
    }
  }

  // MARK: Published models

  @Test(arguments: PublishedConfigurations.all.keys.sorted())
  func publishedConfigurationsAreReadInSilence(name: String) throws {
    let json = try #require(PublishedConfigurations.all[name])
    let source = try JSONSource(Data(json.utf8))
    _ = try ModelFamilies.configuration(from: source)
    #expect(try ModelFamilies.remarks(on: source).unknownKeys == [])
  }

  @Test func whatThePublishedOnesSayIsDone() throws {
    func read(_ json: String) throws -> (ModelConfiguration, ConfigurationRemarks) {
      let source = try JSONSource(Data(json.utf8))
      return (
        try ModelFamilies.configuration(from: source), try ModelFamilies.remarks(on: source)
      )
    }
    guard
      case .yarn(let yarn) = try read(PublishedConfigurations.deepSeekR1).0.rotations[0].parameters
        .scaling
    else {
      Issue.record("not YaRN")
      return
    }
    #expect(abs(yarn.attentionFactor - (0.1 * log(4) + 1)) < 1e-12, "attn_factor is not read")
    let (million, remarks) = try read(PublishedConfigurations.qwen1M)
    #expect(million.sequence.maximumPositions == 1_010_000)
    #expect(remarks.tokensWithoutDualChunks == 262_144)
    #expect(try read(PublishedConfigurations.falcon3).1.tokensWithoutDualChunks == nil)
  }

  @Test func aChunkMustHaveASize() {
    for chunk in [[:], ["chunk_size": 0], ["chunk_size": -5]] as [JSONValue] {
      let error = #expect(throws: ModelError.self) {
        try read("qwen2", ["dual_chunk_attention_config": chunk])
      }
      #expect(error?.message.contains("\"dual_chunk_attention_config.chunk_size\"") == true)
    }
  }

  /// With text alone, the three positions of M-RoPE are one.
  @Test func multimodalRotationOfTextIsRotation() throws {
    let plain = JSONSource(["model_type": "qwen2", "rope_theta": 1e6])
    let text = JSONSource([
      "model_type": "qwen2", "rope_theta": 1e6,
      "rope_scaling": ["type": "mrope", "mrope_section": [16, 24, 24]],
    ])
    #expect(
      try ModelFamilies.configuration(from: text) == ModelFamilies.configuration(from: plain))
  }
}
