import Files
import JSON

/// What a GGUF file says of experts, as `config.json` of each family says it.
///
/// Where llama.cpp does not read a key, what it does stands here in its place.
enum GGUFExperts {
  /// The numbers of `expert_gating_func`; 0 is none.
  private enum Gating {
    static let softmax = 1
    static let sigmoid = 2
    /// The softmax of the chosen ones alone.
    static let chosenSoftmax = 3
  }

  /// The members of `config.json`; none where the model has no experts.
  ///
  /// - Throws: `FileError`.
  static func members(
    _ keys: GGUFKeys, _ files: GGUFCollection, _ architecture: GGUFArchitecture
  ) throws -> [(key: String, value: JSONValue)] {
    let hasSome = try (keys.integer("expert_count") ?? 0) > 0
    guard architecture.hasExperts ?? hasSome else {
      return architecture.hasExperts == nil ? [("enable_moe_block", .boolean(false))] : []
    }
    let count = try keys.required("expert_count", keys.integer)
    let used = try keys.required("expert_used_count", keys.integer)
    func width(_ key: String, _ part: String) throws -> JSONValue {
      if let width = try keys.integer(key) { return .integer(width) }
      let name = files.names.first { $0.hasPrefix("blk.") && $0.hasSuffix(".\(part).weight") }
      guard let width = name.flatMap(files.entry)?.shape.last else {
        throw keys.metadata.malformed("has no \"\(keys.prefix)\(key)\"")
      }
      return .integer(width)
    }
    let inner = { try width("expert_feed_forward_length", "ffn_down_exps") }
    func isNormalized(default value: Bool) throws -> JSONValue {
      .boolean(try keys.boolean("expert_weights_norm") ?? value)
    }
    try checkRouter(keys, architecture)

    let numbers: [(key: String, value: JSONValue)] = [
      ("num_experts", .integer(count)), ("num_experts_per_tok", .integer(used)),
    ]
    let localNumbers: [(key: String, value: JSONValue)] = [
      ("num_local_experts", .integer(count)), ("num_experts_per_tok", .integer(used)),
    ]
    switch architecture.modelType {
    case "qwen2_moe":
      return try numbers + [
        ("moe_intermediate_size", inner()),
        (
          "shared_expert_intermediate_size",
          width("expert_shared_feed_forward_length", "ffn_down_shexp")
        ),
        ("norm_topk_prob", isNormalized(default: false)),
      ]
    case "qwen3_moe":
      return try numbers + [
        ("moe_intermediate_size", inner()), ("norm_topk_prob", isNormalized(default: true)),
      ]
    case "olmoe": return try numbers + [("norm_topk_prob", isNormalized(default: false))]
    case "glm4_moe":
      return try [
        ("n_routed_experts", .integer(count)), ("num_experts_per_tok", .integer(used)),
        ("moe_intermediate_size", inner()),
        ("n_shared_experts", .integer(keys.integer("expert_shared_count") ?? 0)),
        ("routed_scaling_factor", .number(scale(keys))),
        ("n_group", .integer(max(1, keys.integer("expert_group_count") ?? 1))),
        ("topk_group", .integer(max(1, keys.integer("expert_group_used_count") ?? 1))),
        ("first_k_dense_replace", .integer(keys.integer("leading_dense_block_count") ?? 0)),
        ("norm_topk_prob", isNormalized(default: false)),
        ("use_qk_norm", .boolean(files.entry("blk.0.attn_q_norm.weight") != nil)),
      ]
    case "gemma4_text":
      return try [
        ("enable_moe_block", .boolean(true)), ("num_experts", .integer(count)),
        ("top_k_experts", .integer(used)), ("moe_intermediate_size", inner()),
      ]
    default: return localNumbers
    }
  }

  /// Zero is what a writer leaves that has nothing to say.
  private static func scale(_ keys: GGUFKeys) throws -> Double {
    let scale = try keys.number("expert_weights_scale") ?? 1
    return scale == 0 ? 1 : scale
  }

  /// - Throws: `FileError` where the file asks for a router that the architecture does not have.
  private static func checkRouter(_ keys: GGUFKeys, _ architecture: GGUFArchitecture) throws {
    let isSigmoid = architecture.name == "glm4moe"
    let function =
      isSigmoid
      ? Gating.sigmoid : architecture.name == "gpt-oss" ? Gating.chosenSoftmax : Gating.softmax
    let key = "expert_gating_func"
    if let given = try keys.integer(key), given != 0, given != function {
      throw keys.unsupported(key, "\(given)", "another function of the router")
    }
    guard !isSigmoid else { return }
    for (key, meaning) in [
      ("expert_shared_count", "shared experts"), ("leading_dense_block_count", "dense layers"),
      ("expert_group_count", "groups of experts"),
    ] {
      guard let value = try keys.integer(key), value > (key == "expert_group_count" ? 1 : 0) else {
        continue
      }
      throw keys.unsupported(key, "\(value)", meaning)
    }
    let scale = try scale(keys)
    guard scale == 1 else {
      throw keys.unsupported("expert_weights_scale", "\(scale)", "scaled experts")
    }
  }
}
