import Files
import JSON

/// What `config.json` of a GGUF file's model would say.
struct GGUFConfiguration {
  /// Tensors that belong to the configuration: divisors of RoPE's frequencies.
  static let tensorNames: Set<String> = [
    GGUFRotation.TensorName.divisors, GGUFRotation.TensorName.longDivisors,
    GGUFRotation.TensorName.shortDivisors,
  ]

  private(set) var members: [(key: String, value: JSONValue)] = []
  /// The architecture's metadata keys of which nobody here knows what they ask for.
  let unknownKeys: [String]
  /// Without those that predict further tokens.
  let layers: Int

  /// - Throws: `FileError`.
  init(_ files: GGUFCollection, _ architecture: GGUFArchitecture) throws {
    let keys = GGUFKeys(files.metadata, architecture.name)
    let blocks = try keys.required("block_count", keys.integer)
    // Before anything of that size is made. Each layer has tensors.
    guard blocks >= 1, blocks <= files.names.count else {
      throw files.metadata.malformed(
        "\"\(keys.prefix)block_count\" is \(blocks), but the file has \(files.names.count) tensors")
    }
    try GGUFUnsupportedKey.check(keys, architecture)
    unknownKeys = keys.unknown
    layers = try Self.layers(keys, architecture, blocks: blocks)
    let shape = try GGUFShape(keys, files, architecture, layers: layers)
    try shape.checkVocabulary(keys)
    let hasHead = files.entry("output.weight") != nil
    // A window makes a model of this architecture one of Mistral's.
    let window = try keys.integer("attention.sliding_window") ?? 0
    let isMistral = architecture.modelType == "llama" && window > 0
    members = [
      ("model_type", .string(isMistral ? "mistral" : architecture.modelType)),
      ("num_hidden_layers", .integer(layers)),
      ("hidden_size", .integer(shape.hiddenSize)),
      (
        "intermediate_size",
        .integer(try keys.required("feed_forward_length", keys.integerOfAllLayers))
      ),
      ("num_attention_heads", .integer(shape.queryHeads)),
      ("num_key_value_heads", .integer(shape.keyValueHeads)),
      ("head_dim", .integer(shape.headDimension)),
      ("max_position_embeddings", .integer(shape.positions)),
      (
        "rms_norm_eps",
        .number(try keys.required("attention.layer_norm_rms_epsilon", keys.number))
      ),
      ("vocab_size", .integer(shape.vocabulary)),
      ("tie_word_embeddings", .boolean(!hasHead)),
    ]
    members += Self.biases(files, architecture)
    members += try GGUFEndTokens.members(files.metadata, architecture)
    members += try GGUFRotation(keys, files, shape, architecture).members(architecture)
    members += try Self.windows(keys, architecture, shape, layers: layers)
    if ["gemma2", "gemma3"].contains(architecture.name) {
      members += try Self.gemma(keys, architecture, shape, layers: layers)
    }
    members += try shape.global?.members(keys) ?? []
    members += try GGUFExperts.members(keys, files, architecture)
  }

  private static func layers(
    _ keys: GGUFKeys, _ architecture: GGUFArchitecture, blocks: Int
  ) throws -> Int {
    let key = "nextn_predict_layers"
    let further = try architecture.name == "glm4moe" ? keys.integer(key) ?? 0 : 0
    guard further >= 0, further < blocks else {
      throw keys.metadata.malformed(
        "\"\(keys.prefix)\(key)\" is \(further), but there are \(blocks) blocks")
    }
    return blocks - further
  }

  /// Which layers have biases, as the tensors tell.
  private static func biases(
    _ files: GGUFCollection, _ architecture: GGUFArchitecture
  ) -> [(key: String, value: JSONValue)] {
    func has(_ parts: String...) -> Bool {
      parts.contains { files.entry("blk.0.\($0).bias") != nil }
    }
    let ofAttention = has("attn_q", "attn_k", "attn_v", "attn_qkv", "attn_output")
    // Some have them where nothing is said.
    if architecture.modelType == "qwen2_moe" { return [("qkv_bias", .boolean(ofAttention))] }
    return
      (ofAttention || architecture.modelType == "gpt_oss"
      ? [("attention_bias", .boolean(ofAttention))] : [])
      + (has("ffn_gate", "ffn_up", "ffn_down") ? [("mlp_bias", .boolean(true))] : [])
  }

  // MARK: Windows

  private static func windows(
    _ keys: GGUFKeys, _ architecture: GGUFArchitecture, _ shape: GGUFShape, layers: Int
  ) throws -> [(key: String, value: JSONValue)] {
    let given = try keys.integer("attention.sliding_window")
    func member(_ window: Int) -> (key: String, value: JSONValue) {
      ("sliding_window", window > 0 ? .integer(window) : .null)
    }
    switch architecture.name {
    case "llama":
      return given.map { $0 > 0 ? [member($0)] : [] } ?? []
    case "phi3":
      // Files from before the key was written are of models with that window, or with none.
      return [member(given ?? (shape.positions == 4096 ? 2047 : 0))]
    case "gemma2", "gemma3", "gemma4", "gpt-oss":
      let window = given ?? (architecture.name == "gemma2" ? 4096 : 0)
      let sliding = try slidingLayers(
        keys, period: ["gemma2", "gpt-oss"].contains(architecture.name) ? 2 : 6, layers: layers)
      return [
        member(window),
        (
          "layer_types",
          .array(
            sliding.map { .string($0 && window > 0 ? "sliding_attention" : "full_attention") })
        ),
      ]
    default:
      guard given ?? 0 == 0 else {
        throw keys.unsupported("attention.sliding_window", "\(given!)", "a sliding window")
      }
      return []
    }
  }

  /// Of so many layers the last one has no window; or the file lists them.
  static func slidingLayers(_ keys: GGUFKeys, period: Int, layers: Int) throws -> [Bool] {
    let key = "attention.sliding_window_pattern"
    guard keys.isArray(key) else {
      let period = try keys.integer(key) ?? period
      return (0..<layers).map { period <= 0 || $0 % period < period - 1 }
    }
    guard let list = try keys.booleans(key), list.count == layers else {
      throw keys.metadata.malformed(
        "\"\(keys.prefix)\(key)\" has not one element for each of the \(layers) layers")
    }
    return list
  }

  // MARK: Gemma

  private static func gemma(
    _ keys: GGUFKeys, _ architecture: GGUFArchitecture, _ shape: GGUFShape, layers: Int
  ) throws -> [(key: String, value: JSONValue)] {
    func cap(_ key: String, default: Double) throws -> JSONValue {
      let value = try keys.number(key) ?? `default`
      return value == 0 ? .null : .number(value)
    }
    let isGemma2 = architecture.name == "gemma2"
    // The largest models alone scale by something else, of which the files do not say.
    let isLargest = layers == (isGemma2 ? 46 : 62)
    var scalar = Double(isLargest ? shape.hiddenSize / shape.queryHeads : shape.headDimension)
    if let scale = try keys.number("attention.scale"), scale > 0 { scalar = 1 / (scale * scale) }
    return [
      ("query_pre_attn_scalar", .number(scalar)),
      ("attn_logit_softcapping", try cap("attn_logit_softcapping", default: isGemma2 ? 50 : 0)),
      ("final_logit_softcapping", try cap("final_logit_softcapping", default: isGemma2 ? 30 : 0)),
    ]
  }
}
