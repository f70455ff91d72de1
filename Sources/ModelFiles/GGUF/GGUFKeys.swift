import Files

/// The metadata keys that begin with the name of the file's architecture.
struct GGUFKeys {
  let metadata: GGUFMetadata
  /// Such as `llama.`
  let prefix: String

  init(_ metadata: GGUFMetadata, _ architecture: String) {
    self.metadata = metadata
    prefix = architecture + "."
  }

  func integer(_ key: String) throws -> Int? { try metadata.integer(prefix + key) }

  /// A finite number.
  func number(_ key: String) throws -> Double? {
    guard let number = try metadata.number(prefix + key) else { return nil }
    guard number.isFinite else {
      throw metadata.malformed("\"\(prefix)\(key)\" is \(number), but must be a finite number")
    }
    return number
  }

  func string(_ key: String) throws -> String? { try metadata.string(prefix + key) }

  func boolean(_ key: String) throws -> Bool? { try metadata.boolean(prefix + key) }

  func integers(_ key: String) throws -> [Int]? { try metadata.integers(prefix + key) }

  func booleans(_ key: String) throws -> [Bool]? { try metadata.booleans(prefix + key) }

  func isArray(_ key: String) -> Bool { metadata.isArray(prefix + key) }

  /// One integer, or one for each layer, all alike.
  func integerOfAllLayers(_ key: String) throws -> Int? {
    guard isArray(key) else { return try integer(key) }
    guard let list = try metadata.integers(prefix + key), let first = list.first else { return nil }
    guard list.allSatisfy({ $0 == first }) else {
      throw unsupported(key, "an array", "layers that differ in it")
    }
    return first
  }

  func required<Value>(_ key: String, _ lookUp: (String) throws -> Value?) throws -> Value {
    guard let value = try lookUp(key) else {
      throw metadata.malformed("has no \"\(prefix)\(key)\"")
    }
    return value
  }

  func unsupported(_ key: String, _ value: String, _ meaning: String) -> FileError {
    FileError(
      .unsupported,
      "\(metadata.path): \"\(prefix)\(key)\" is \(value), which asks for \(meaning) and is not "
        + "supported for models of the architecture \"\(prefix.dropLast())\"; use another model")
  }

  /// Keys that are neither read nor known to bear on nothing.
  var unknown: [String] {
    metadata.keys.filter {
      $0.hasPrefix(prefix) && !Self.known.contains(String($0.dropFirst(prefix.count)))
    }
  }

  /// Those that are read, and those that are known to bear on nothing here.
  private static let known = GGUFUnsupportedKey.names.union([
    "attention.head_count", "attention.head_count_kv", "attention.key_length",
    "attention.key_length_swa", "attention.layer_norm_epsilon",
    "attention.layer_norm_rms_epsilon", "attention.scale",
    "attention.sliding_window", "attention.sliding_window_pattern", "attention.value_length",
    "attention.value_length_swa", "attn_logit_softcapping", "block_count", "context_length",
    "embedding_length", "embedding_length_out", "expert_gating_func", "expert_group_count",
    "expert_group_used_count", "expert_weights_norm", "expert_weights_scale",
    "feed_forward_length", "final_logit_softcapping",
    "pooling_type",
    "rope.dimension_count", "rope.dimension_sections", "rope.dimension_count_swa", "rope.freq_base",
    "rope.freq_base_swa",
    "rope.scale_linear", "rope.scaling.attn_factor", "rope.scaling.factor",
    "rope.scaling.finetuned", "rope.scaling.original_context_length", "rope.scaling.type",
    "rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow", "tensor_data_layout",
    "vocab_size",
  ])
}
