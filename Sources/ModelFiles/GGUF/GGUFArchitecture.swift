import Files

/// How the files of one architecture of llama.cpp stand for a model of a Hugging Face family: what its
/// tensors are called there, and how they differ.
struct GGUFArchitecture: Sendable {
  /// The value of `general.architecture`, with which its metadata keys begin.
  let name: String
  /// The value of `model_type` in `config.json`.
  let modelType: String
  /// Whether queries' and keys' rows are ordered for a rotation of coordinates side by side.
  let rotatesAdjacentPairs: Bool
  /// Whether the factors of RMSNorm have the 1 in them that the family adds.
  let normsIncludeOne: Bool
  /// Whether its feed-forward has experts; nil where it may.
  let hasExperts: Bool?
  /// From the parts of a layer's tensor names, as the files have them, to the family's: without what
  /// follows the part, or with it where the family has no `weight` or `bias` there.
  private let layerParts: [String: String]
  /// The same from the family's to the files'.
  private let fileParts: [String: String]

  private init(
    _ name: String, modelType: String? = nil, rotatesAdjacentPairs: Bool = false,
    normsIncludeOne: Bool = false, hasExperts: Bool? = false, _ parts: [String: String] = [:]
  ) {
    self.name = name
    self.modelType = modelType ?? name
    self.rotatesAdjacentPairs = rotatesAdjacentPairs
    self.normsIncludeOne = normsIncludeOne
    self.hasExperts = hasExperts
    layerParts = Self.parts.merging(parts) { _, own in own }
    // Of two parts that mean one the longer name is the more special one.
    fileParts = Dictionary(layerParts.map { ($0.value, $0.key) }) { $0.count > $1.count ? $0 : $1 }
  }

  static let all = [
    GGUFArchitecture("llama", rotatesAdjacentPairs: true),
    GGUFArchitecture("qwen2"),
    GGUFArchitecture("qwen3"),
    GGUFArchitecture("smollm3", rotatesAdjacentPairs: true),
    GGUFArchitecture("gemma2", normsIncludeOne: true, gemmaNorms),
    GGUFArchitecture("gemma3", modelType: "gemma3_text", normsIncludeOne: true, gemmaNorms),
    GGUFArchitecture(
      "phi3", ["attn_qkv": "self_attn.qkv_proj", "ffn_up": "mlp.gate_up_proj"]),
    GGUFArchitecture(
      "qwen2moe", modelType: "qwen2_moe", hasExperts: true,
      experts.merging(sharedExpert) { $1 }),
    GGUFArchitecture("qwen3moe", modelType: "qwen3_moe", hasExperts: true, experts),
    GGUFArchitecture("olmoe", hasExperts: true, experts),
    GGUFArchitecture(
      "glm4moe", modelType: "glm4_moe", hasExperts: true,
      experts.merging(sharedExperts) { $1 }),
    GGUFArchitecture(
      "gpt-oss", modelType: "gpt_oss", hasExperts: true, experts.merging(sinks) { $1 }),
    GGUFArchitecture("gemma4", modelType: "gemma4_text", hasExperts: nil, gemma4),
  ]

  /// What is "llama", too, but has experts.
  private static let mixtral = GGUFArchitecture(
    "llama", modelType: "mixtral", rotatesAdjacentPairs: true, hasExperts: true,
    [
      "ffn_gate_inp": "block_sparse_moe.gate",
      "ffn_gate_exps": "block_sparse_moe.experts.gate_proj",
      "ffn_up_exps": "block_sparse_moe.experts.up_proj",
      "ffn_down_exps": "block_sparse_moe.experts.down_proj",
      "ffn_gate_up_exps": "block_sparse_moe.experts.gate_up_proj",
    ])

  private static let parts = [
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
  ]

  private static let gemmaNorms = [
    "post_attention_norm": "post_attention_layernorm", "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
  ]

  /// All experts of a layer in one tensor, and their router.
  private static let experts = [
    "ffn_gate_inp": "mlp.gate", "ffn_gate_exps": "mlp.experts.gate_proj",
    "ffn_up_exps": "mlp.experts.up_proj", "ffn_down_exps": "mlp.experts.down_proj",
    "ffn_gate_up_exps": "mlp.experts.gate_up_proj",
  ]

  private static let sharedExpert = [
    "ffn_gate_inp_shexp": "mlp.shared_expert_gate",
    "ffn_gate_shexp": "mlp.shared_expert.gate_proj", "ffn_up_shexp": "mlp.shared_expert.up_proj",
    "ffn_down_shexp": "mlp.shared_expert.down_proj",
  ]

  private static let sharedExperts = [
    "exp_probs_b.bias": "mlp.gate.e_score_correction_bias",
    "ffn_gate_shexp": "mlp.shared_experts.gate_proj",
    "ffn_up_shexp": "mlp.shared_experts.up_proj",
    "ffn_down_shexp": "mlp.shared_experts.down_proj",
    "post_attention_norm": "post_attention_layernorm",
  ]

  private static let sinks = [
    "ffn_gate_inp": "mlp.router", "attn_sinks.weight": "self_attn.sinks",
    "post_attention_norm": "post_attention_layernorm",
  ]

  private static let gemma4 = gemmaNorms.merging([
    "ffn_gate_inp": "router.proj", "ffn_gate_inp.scale": "router.scale",
    "ffn_gate_exps": "experts.gate_proj", "ffn_up_exps": "experts.up_proj",
    "ffn_gate_up_exps": "experts.gate_up_proj", "ffn_down_exps": "experts.down_proj",
    "ffn_down_exps.scale": "router.per_expert_scale", "layer_output_scale.weight": "layer_scalar",
    "post_ffw_norm_1": "post_feedforward_layernorm_1",
    "pre_ffw_norm_2": "pre_feedforward_layernorm_2",
    "post_ffw_norm_2": "post_feedforward_layernorm_2",
  ]) { $1 }

  private static let wholeNames = [
    "token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
  ]

  /// That of a file. Throws `FileError` where it is no language model of an architecture here.
  static func of(_ metadata: GGUFMetadata) throws -> GGUFArchitecture {
    func unsupported(_ problem: String) -> FileError {
      FileError(.unsupported, "\(metadata.path): \(problem)")
    }
    if let type = try metadata.string("general.type"), type != "model" {
      throw unsupported(
        "holds no model but, by \"general.type\", \(quoted(type)); name the model's own GGUF file")
    }
    guard let name = try metadata.string("general.architecture") else {
      throw metadata.malformed("has no \"general.architecture\"")
    }
    guard let architecture = all.first(where: { $0.name == name }) else {
      throw unsupported(
        "is of the architecture \(quoted(name)), which is not supported; supported are "
          + all.map { quoted($0.name) }.joined(separator: ", "))
    }
    let hasExperts = try metadata.integer("\(name).expert_count") ?? 0 > 0
    return name == mixtral.name && hasExperts ? mixtral : architecture
  }

  /// The family's name of a tensor; nil where it has none of the kind. One with all experts of a layer has
  /// the name of a single one without the number.
  func familyName(of name: String) -> String? {
    if let whole = Self.wholeNames[name] { return whole }
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard (4...5).contains(parts.count), parts[0] == "blk", let layer = Int(parts[1]),
      "\(layer)" == parts[1]
    else { return nil }
    let (part, ending) = (String(parts[2]), String(parts.last!))
    let prefix = "model.layers.\(layer)."
    if parts.count == 5 {
      // A tensor for each expert, as Mixtral's first files have them.
      guard modelType == Self.mixtral.modelType, let expert = Int(parts[3]),
        "\(expert)" == parts[3],
        ending == "weight", let matrix = Self.singleExperts[part]
      else { return nil }
      return "\(prefix)block_sparse_moe.experts.\(expert).\(matrix).weight"
    }
    if let whole = layerParts["\(part).\(ending)"] { return prefix + whole }
    guard ["weight", "bias"].contains(ending), let family = layerParts[part] else { return nil }
    return "\(prefix)\(family).\(ending)"
  }

  private static let singleExperts = ["ffn_gate": "w1", "ffn_down": "w2", "ffn_up": "w3"]
  private static let stackedExperts = ["w1": "gate_proj", "w2": "down_proj", "w3": "up_proj"]

  /// The file's name of a tensor that the family calls so; itself where there is none.
  func fileName(of name: String) -> String {
    if let whole = Self.wholeNames.first(where: { $0.value == name }) { return whole.key }
    let parts = name.split(separator: ".", maxSplits: 3)
    guard parts.count == 4, parts[0] == "model", parts[1] == "layers" else { return name }
    var family = String(parts[3])
    if let expert = ExpertTensorName("." + family) {
      // All of a layer are in one.
      let pieces = expert.suffix.split(separator: ".").map {
        Self.stackedExperts["\($0)"] ?? "\($0)"
      }
      family = expert.prefix.dropFirst() + pieces.joined(separator: ".")
    }
    let prefix = "blk.\(parts[2])."
    if let whole = fileParts[family] { return prefix + whole }
    guard let dot = family.lastIndex(of: "."), let part = fileParts[String(family[..<dot])] else {
      return name
    }
    return prefix + part + family[dot...]
  }
}

/// A name from a file as it may stand in a message.
func quoted(_ name: String) -> String {
  (name.count <= 100 ? name : name.prefix(100) + "…").debugDescription
}
