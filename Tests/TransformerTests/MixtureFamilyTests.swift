import Kernels
import Testing
import Transformer

/// What families with experts make of their configuration files.
@Suite struct MixtureFamilyTests {
  private func read(_ type: String, _ changes: [String: JSONValue] = [:]) throws
    -> ModelConfiguration
  {
    var source = JSONSource(["model_type": .string(type)])
    source.values.merge(FamilyTests.least[type] ?? [:]) { $1 }
    source.values.merge(changes) { $1 }
    return try ModelFamilies.configuration(from: source)
  }

  private func refusal(_ type: String, _ changes: [String: JSONValue]) -> String {
    let error = #expect(throws: ModelError.self, "\(type) \(changes)") { try read(type, changes) }
    return error?.message ?? ""
  }

  /// Hidden size, vocabulary, layers, heads, KV heads, head dimension; experts, of a token, their size.
  @Test func absentKeysHaveTheDefaultsOfHuggingFace() throws {
    let defaults: [(String, [Int], [Int], theta: Double)] = [
      ("mixtral", [4096, 32_000, 32, 32, 8, 128], [8, 2, 14_336], 1e6),
      ("qwen2_moe", [2048, 151_936, 24, 16, 16, 128], [60, 4, 1408], 1e4),
      ("qwen3_moe", [2048, 151_936, 24, 32, 4, 64], [128, 8, 768], 1e4),
      ("olmoe", [2048, 50_304, 16, 16, 16, 128], [64, 8, 2048], 1e4),
      ("gpt_oss", [2880, 201_088, 36, 64, 8, 64], [128, 4, 2880], 150_000),
    ]
    for (type, sizes, experts, theta) in defaults {
      let it = try read(type)
      let (attention, mixture) = (it.layers[0].attention, it.layers[0].feedForward.mixture!)
      #expect(
        [
          it.hiddenSize, it.vocabulary.size, it.layers.count, attention.queryHeads,
          attention.keyValueHeads, attention.headDimension,
        ] == sizes, "\(type)")
      #expect(
        [mixture.experts, mixture.expertsPerToken, mixture.expert.intermediateSize] == experts,
        "\(type)")
      #expect(it.layers[0].rope?.theta == theta, "\(type)")
    }
    // The defaults of GLM's class have no even head dimension.
    let glm = try read("glm4_moe", ["head_dim": 128])
    #expect(glm.hiddenSize == 4096 && glm.layers.count == 46)
    #expect(glm.layers[0].feedForward.dense?.intermediateSize == 10_944)
    let mixture = try #require(glm.layers[1].feedForward.mixture)
    #expect(mixture.experts == 128 && mixture.expertsPerToken == 8)
    #expect(mixture.shared?.expert.intermediateSize == 1408)
    #expect(glm.layers[1].rope?.rotaryDimension == 64)
  }

  @Test(arguments: ["qwen2_moe", "qwen3_moe"])
  func qwensLayersAreSparseInStepsAndByList(type: String) throws {
    func sparse(_ changes: [String: JSONValue]) throws -> [Bool] {
      try read(type, changes.merging(["num_hidden_layers": 6]) { $1 }).layers.map {
        $0.feedForward.mixture != nil
      }
    }
    #expect(try sparse([:]) == [Bool](repeating: true, count: 6))
    #expect(try sparse(["decoder_sparse_step": 2]) == [false, true, false, true, false, true])
    #expect(
      try sparse(["decoder_sparse_step": 2, "mlp_only_layers": [1, 2]])
        == [false, false, false, true, false, true])
    #expect(try sparse(["num_experts": 0]) == [Bool](repeating: false, count: 6))
    #expect(refusal(type, ["decoder_sparse_step": 0]).contains("\"decoder_sparse_step\" to 0"))
    let normalized = try read(type, ["norm_topk_prob": true]).layers[0].feedForward.mixture
    #expect(normalized?.routing.isNormalized == true)
    #expect(try read(type).layers[0].feedForward.mixture?.routing.isNormalized == false)
  }

  @Test func glmChoosesInGroups() throws {
    let glm = try read(
      "glm4_moe",
      [
        "head_dim": 128, "n_group": 4, "topk_group": 2, "routed_scaling_factor": 2.5,
        "norm_topk_prob": false, "n_shared_experts": 2, "first_k_dense_replace": 3,
        "use_qk_norm": true, "partial_rotary_factor": 0.25,
      ])
    #expect(
      glm.layers.prefix(4).map { $0.feedForward.mixture == nil } == [true, true, true, false])
    let mixture = try #require(glm.layers[3].feedForward.mixture)
    #expect(
      mixture.routing
        == RoutingConfiguration(
          scoring: .sigmoid(hasCorrectionBias: true), isNormalized: false, scale: 2.5, groups: 4,
          groupsPerToken: 2))
    #expect(mixture.shared?.expert.intermediateSize == 2816 && mixture.shared?.hasGate == false)
    #expect(glm.layers[0].attention.norms == .ofHeads && glm.layers[0].rope?.rotaryDimension == 32)
    let alone = try read("glm4_moe", ["head_dim": 128, "n_shared_experts": 0])
    #expect(alone.layers[1].feedForward.mixture?.shared == nil)
  }

  @Test func gptOSSIsAsPublished() throws {
    let it = try read("gpt_oss", ["num_hidden_layers": 4])
    #expect(it.layers.map(\.pattern.slidingWindow) == [128, nil, 128, nil])
    let mixture = try #require(it.layers[0].feedForward.mixture)
    #expect(mixture.expert.activation == .clampedSwiGLU(alpha: 1.702, limit: 7))
    #expect(mixture.expert.hasBias && mixture.routing.hasBias && it.layers[0].attention.hasSinks)
    guard case .yarn(let yarn)? = it.layers[0].rope?.scaling else {
      Issue.record("the published rotation is YaRN")
      return
    }
    #expect(yarn.factor == 32 && yarn.originalPositions == 4096 && !yarn.truncates)
    #expect(abs(yarn.attentionFactor - 1.346_573_59) < 1e-8)
    #expect(refusal("gpt_oss", ["swiglu_limit": 0]).contains("\"swiglu_limit\" to 0"))
  }

  @Test func gemma4HasTwoKindsOfHeads() throws {
    let it = try read(
      "gemma4_text",
      [
        "num_hidden_layers": 7, "num_global_key_value_heads": 2, "attention_k_eq_v": true,
        "final_logit_softcapping": 30, "enable_moe_block": true, "num_experts": 16,
        "top_k_experts": 2, "moe_intermediate_size": 96, "use_bidirectional_attention": "vision",
      ])
    // Every sixth layer, and the last one.
    let full = [false, false, false, false, false, true, true]
    #expect(it.layers.map { $0.pattern.slidingWindow == nil } == full)
    #expect(it.layers.map(\.attention.headDimension) == full.map { $0 ? 512 : 256 })
    #expect(it.layers.map(\.attention.keyValueHeads) == full.map { $0 ? 2 : 4 })
    #expect(it.layers.map(\.attention.keysAreValues) == full)
    #expect(it.layers.allSatisfy { $0.attention.scale == 1 && $0.attention.hasValueNorms })
    #expect(it.layers[0].rope == RoPEParameters(theta: 10_000))
    #expect(
      it.layers[5].rope
        == RoPEParameters(
          theta: 1_000_000, rotaryDimension: 128, scaling: .proportional(factor: 1)))
    #expect(it.vocabulary.logitSoftCap == 30 && it.vocabulary.embeddingScale == 48)
    let feedForward = it.layers[0].feedForward
    #expect(feedForward.dense?.activation == .geGLU && feedForward.mixture?.experts == 16)
    #expect(try read("gemma4_text").layers[0].feedForward.mixture == nil)
    #expect(try read("gemma4_text").layers.allSatisfy { $0.attention.keyValueHeads == 4 })
    // As Transformers writes it.
    let own: JSONValue = ["1": ["head_dim": 64, "num_key_value_heads": 1]]
    let written = try read("gemma4_text", ["num_hidden_layers": 2, "per_layer_config": own])
    #expect(written.layers.map(\.attention.headDimension) == [256, 64])
    #expect(written.layers.map(\.attention.keyValueHeads) == [4, 1])
  }

  /// The smaller ones, by name.
  @Test func whatGemma4SharesIsRefused() {
    for (changes, words) in [
      (["hidden_size_per_layer_input": .null], "per-layer embeddings"),
      (["hidden_size_per_layer_input": 256], "per-layer embeddings"),
      (["num_kv_shared_layers": 20], "share keys and values"),
      (["use_bidirectional_attention": "all"], "not causal"),
    ] as [([String: JSONValue], String)] {
      #expect(refusal("gemma4_text", changes).contains(words))
    }
    #expect(refusal("gemma4_text", ["enable_moe_block": true]).contains("\"num_experts\""))
  }

  /// Each names what is wrong, in one sentence.
  @Test func contradictionsAreRefused() {
    #expect(
      refusal("mixtral", ["num_experts_per_tok": 9]).contains("go to 9 experts, but there are 8"))
    #expect(refusal("mixtral", ["num_experts_per_tok": 0]).contains("at least 1"))
    #expect(refusal("mixtral", ["num_local_experts": 0]).contains("at least 1"))
    #expect(refusal("qwen3_moe", ["moe_intermediate_size": 0]).contains("experts' intermediate"))
    let head: [String: JSONValue] = ["head_dim": 128]
    #expect(
      refusal("glm4_moe", head.merging(["n_group": 3]) { $1 }).contains("evenly into 3 groups"))
    #expect(
      refusal("glm4_moe", head.merging(["n_group": 4, "topk_group": 5]) { $1 }).contains("groups"))
    #expect(
      refusal(
        "glm4_moe",
        head.merging(["n_group": 64, "topk_group": 1, "num_experts_per_tok": 3]) { $1 }
      ).contains("may go to have 2"))
    #expect(
      refusal("glm4_moe", head.merging(["n_shared_experts": -1]) { $1 }).contains("shared"))
    for type in ["mixtral", "qwen3_moe", "glm4_moe", "gpt_oss"] {
      for value in [-1, 1 << 40, .max, .min] {
        let key = type == "glm4_moe" ? "n_routed_experts" : "num_local_experts"
        #expect(!refusal(type, [key: .integer(value), "head_dim": 128]).isEmpty)
      }
    }
  }
}
