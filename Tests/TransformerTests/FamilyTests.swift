import Kernels
import Testing
import Transformer

/// What each family makes of its configuration file; that the result computes what Transformers
/// does, the parity tests show.
@Suite struct FamilyTests {
  static let types = [
    "llama", "mistral", "qwen2", "qwen3", "smollm3", "gemma2", "gemma3_text", "phi3", "mixtral",
    "qwen2_moe", "qwen3_moe", "olmoe", "glm4_moe", "gpt_oss", "gemma4_text",
  ]
  /// What a configuration must say, for the defaults of the family's class in Transformers are of a model
  /// that does not run here, or of none.
  static let least: [String: [String: JSONValue]] = [
    "glm4_moe": ["head_dim": 128], "gemma4_text": ["hidden_size_per_layer_input": 0],
  ]

  private func read(_ type: String, _ changes: [String: JSONValue] = [:]) throws
    -> ModelConfiguration
  {
    var source = JSONSource(["model_type": .string(type)])
    source.values.merge(Self.least[type] ?? [:]) { $1 }
    source.values.merge(changes) { $1 }
    return try ModelFamilies.configuration(from: source)
  }

  private func refusal(_ type: String, _ changes: [String: JSONValue]) -> String {
    let error = #expect(throws: ModelError.self, "\(type) \(changes)") { try read(type, changes) }
    return error?.message ?? ""
  }

  @Test func everyFamilyIsRegisteredOnce() {
    #expect(ModelFamilies.all.map(\.modelType).sorted() == Self.types.sorted())
  }

  /// Hidden size, MLP, vocabulary, layers, heads, KV heads, head dimension, positions, theta of the
  /// first layer, tied: the defaults of the configuration classes in Transformers.
  @Test func absentKeysHaveTheDefaultsOfHuggingFace() throws {
    let defaults: [(String, [Int], theta: Double, tied: Bool)] = [
      ("llama", [4096, 11_008, 32_000, 32, 32, 32, 128, 2048], 1e4, false),
      ("mistral", [4096, 14_336, 32_000, 32, 32, 8, 128, 131_072], 1e4, false),
      ("qwen2", [4096, 22_016, 151_936, 32, 32, 32, 128, 32_768], 1e4, false),
      ("qwen3", [4096, 22_016, 151_936, 32, 32, 32, 128, 32_768], 1e4, false),
      ("gemma2", [2304, 9216, 256_000, 26, 8, 4, 256, 8192], 1e4, true),
      ("gemma3_text", [2304, 9216, 262_208, 26, 8, 4, 256, 131_072], 1e4, true),
      ("phi3", [3072, 8192, 32_064, 32, 32, 32, 96, 4096], 1e4, false),
    ]
    for (type, sizes, theta, tied) in defaults {
      let it = try read(type)
      #expect(
        [
          it.hiddenSize, it.layers[0].feedForward.dense?.intermediateSize, it.vocabulary.size,
          it.layers.count, it.layers[0].attention.queryHeads, it.layers[0].attention.keyValueHeads,
          it.layers[0].attention.headDimension, it.sequence.maximumPositions,
        ] == sizes, "\(type)")
      #expect(it.layers[0].rope?.theta == theta, "\(type)")
      #expect(it.vocabulary.isTied == tied, "\(type)")
    }
  }

  @Test(arguments: types)
  func anotherArchitectureOrActivationIsRefused(type: String) {
    let other: [String: JSONValue] = ["architectures": ["SomethingForSequenceClassification"]]
    #expect(refusal(type, other).contains("\"architectures\""))
    let key = type.hasPrefix("gemma") ? "hidden_activation" : "hidden_act"
    // The experts of gpt-oss have an activation of their own.
    guard type != "gpt_oss" else { return }
    let message = refusal(type, [key: "relu"])
    #expect(message.contains("\"relu\"") && message.contains(key))
  }

  /// No size leads to an overflow, a trap or memory for what it claims.
  @Test(arguments: types)
  func absurdSizesAreRefused(type: String) {
    for key in [
      "hidden_size",
      ["qwen2_moe", "qwen3_moe"].contains(type) ? "moe_intermediate_size" : "intermediate_size",
      "vocab_size", "num_hidden_layers",
      "num_attention_heads", "num_key_value_heads", "head_dim", "max_position_embeddings",
    ] {
      for value in [0, -1, -4096, 1 << 40, .max, .min] {
        let message = refusal(type, [key: .integer(value), "sliding_window": .null])
        #expect(!message.isEmpty, "\(key) \(value)")
      }
    }
    for epsilon in [0, -1e-6, 2, 1e300] {
      #expect(refusal(type, ["rms_norm_eps": .number(epsilon)]).contains("RMSNorm"))
    }
  }

  // MARK: What families have of their own

  @Test func llamaMayHaveBiases() throws {
    #expect(try read("llama", ["attention_bias": true]).layers[0].attention.hasBias)
    #expect(try read("llama", ["mlp_bias": true]).layers[0].feedForward.dense!.hasBias)
    #expect(try !read("llama").layers[0].attention.hasBias)
    #expect(try read("llama", ["eos_token_id": [5, 6]]).sequence.endTokens == [5, 6])
    // The default, 2, is outside such a vocabulary and means nothing there.
    #expect(try read("llama", ["vocab_size": 2]).sequence.endTokens == [])
  }

  @Test func mistralsWindowIsOnEveryLayer() throws {
    #expect(try read("mistral").layers.allSatisfy { $0.pattern.slidingWindow == 4096 })
    #expect(
      try read("mistral", ["sliding_window": .null]).layers.allSatisfy {
        $0.pattern.slidingWindow == nil
      })
    #expect(
      try read("mistral", ["sliding_window": 77]).layers.allSatisfy {
        $0.pattern.slidingWindow == 77
      })
    #expect(refusal("mistral", ["sliding_window": 0]).contains("sliding window"))
  }

  @Test(arguments: ["qwen2", "qwen3"])
  func qwensWindowIsOnTheUpperLayersOrThoseThatAreListed(type: String) throws {
    let base: [String: JSONValue] = [
      "num_hidden_layers": 4, "sliding_window": 50, "max_window_layers": 3,
    ]
    #expect(try read(type, base).layers.allSatisfy { $0.pattern.slidingWindow == nil })
    let used = base.merging(["use_sliding_window": true]) { $1 }
    #expect(try read(type, used).layers.map(\.pattern.slidingWindow) == [nil, nil, nil, 50])
    let types: JSONValue = [
      "sliding_attention", "full_attention", "full_attention", "sliding_attention",
    ]
    let listed = used.merging(["layer_types": types]) { $1 }
    #expect(try read(type, listed).layers.map(\.pattern.slidingWindow) == [50, nil, nil, 50])
    let switchedOff = listed.merging(["use_sliding_window": false]) { $1 }
    #expect(refusal(type, switchedOff).contains("\"sliding_window\""))
  }

  @Test func qwenHasBiasesOrHeadNorms() throws {
    let (qwen2, qwen3) = (try read("qwen2"), try read("qwen3"))
    #expect(qwen2.layers[0].attention.hasBias && qwen2.layers[0].attention.norms == .none)
    #expect(!qwen3.layers[0].attention.hasBias && qwen3.layers[0].attention.norms == .ofHeads)
  }

  @Test func gemma2HasSoftCapsAndAWindowOnEveryOtherLayer() throws {
    let gemma = try read("gemma2", ["num_hidden_layers": 4, "query_pre_attn_scalar": 144])
    #expect(gemma.layers[0].attention.scoreSoftCap == 50 && gemma.vocabulary.logitSoftCap == 30)
    #expect(gemma.layers.map(\.pattern.slidingWindow) == [4096, nil, 4096, nil])
    #expect(gemma.layers[0].attention.scale == 1 / 12.0)
    #expect(gemma.vocabulary.embeddingScale == 48)
    #expect(
      gemma.layers[0].feedForward.dense!.activation == .geGLU && gemma.normalization.hasOutputNorms
        && gemma.layers[0].attention.norms == .none)
    let uncapped = try read(
      "gemma2", ["attn_logit_softcapping": .null, "final_logit_softcapping": .null])
    #expect(
      uncapped.layers[0].attention.scoreSoftCap == nil && uncapped.vocabulary.logitSoftCap == nil)
    for value in [0, -144, 1e-300] {
      #expect(!refusal("gemma2", ["query_pre_attn_scalar": .number(value)]).isEmpty)
    }
    #expect(refusal("gemma2", ["attn_logit_softcapping": 0]).contains("soft cap"))
    #expect(refusal("gemma2", ["use_bidirectional_attention": true]).contains("not causal"))
  }

  @Test func gemma3HasARotationForEachKindOfLayer() throws {
    let old = try read(
      "gemma3_text",
      [
        "num_hidden_layers": 6, "sliding_window": 512, "sliding_window_pattern": 3,
        "rope_theta": 1_000_000, "rope_local_base_freq": 10_000,
        "rope_scaling": ["rope_type": "linear", "factor": 8],
      ])
    let local = RoPEParameters(theta: 10_000)
    let global = RoPEParameters(theta: 1_000_000, scaling: .linear(factor: 8))
    #expect(old.layers.map(\.rope) == [local, local, global, local, local, global])
    #expect(old.layers.map(\.pattern.slidingWindow) == [512, 512, nil, 512, 512, nil])
    #expect(
      old.layers[0].attention.norms == .ofHeads && old.normalization.hasOutputNorms
        && old.layers[0].attention.scoreSoftCap == nil)
    let new = try read(
      "gemma3_text",
      [
        "num_hidden_layers": 6, "sliding_window": 512, "_sliding_window_pattern": 3,
        "rope_parameters": [
          "full_attention": ["rope_type": "linear", "factor": 8, "rope_theta": 1_000_000],
          "sliding_attention": ["rope_type": "default", "rope_theta": 10_000],
        ],
      ])
    #expect(new == old)
    #expect(refusal("gemma3_text", ["sliding_window_pattern": 0]).contains("pattern"))
  }
}
