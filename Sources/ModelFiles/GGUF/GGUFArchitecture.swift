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
  /// From the parts of a layer's tensor names, as the files have them, to the family's.
  private let layerParts: [String: String]

  private init(
    _ name: String, modelType: String? = nil, rotatesAdjacentPairs: Bool = false,
    normsIncludeOne: Bool = false, _ parts: [String: String] = [:]
  ) {
    self.name = name
    self.modelType = modelType ?? name
    self.rotatesAdjacentPairs = rotatesAdjacentPairs
    self.normsIncludeOne = normsIncludeOne
    layerParts = Self.parts.merging(parts) { _, own in own }
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
  ]

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
    return architecture
  }

  /// The family's name of a tensor; nil where it has none of the kind.
  func familyName(of name: String) -> String? {
    if let whole = Self.wholeNames[name] { return whole }
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0] == "blk", ["weight", "bias"].contains(parts[3]),
      let layer = Int(parts[1]), "\(layer)" == parts[1], let part = layerParts[String(parts[2])]
    else { return nil }
    return "model.layers.\(layer).\(part).\(parts[3])"
  }

  /// The file's name of a tensor that the family calls so; itself where there is none.
  func fileName(of name: String) -> String {
    if let whole = Self.wholeNames.first(where: { $0.value == name }) { return whole.key }
    let parts = name.split(separator: ".", maxSplits: 3)
    guard parts.count == 4, parts[0] == "model", parts[1] == "layers",
      let dot = parts[3].lastIndex(of: "."),
      let part = layerParts.first(where: { $0.value == parts[3][..<dot] })
    else { return name }
    return "blk.\(parts[2]).\(part.key)\(parts[3][dot...])"
  }
}

/// A name from a file as it may stand in a message.
func quoted(_ name: String) -> String {
  (name.count <= 100 ? name : name.prefix(100) + "…").debugDescription
}
