/// Keys of the objects that describe a rotation: `rope_scaling`, `rope_parameters` and those in it.
enum RoPEKeys {
  /// Keys of every RoPE setting, and those that each type has besides. Nothing in Transformers reads
  /// `attn_factor` and `finetuned`; M-RoPE's positions, of which text has one, are none to choose from.
  private static let ofEveryType: Set<String> = [
    "attn_factor", "finetuned", "mrope_interleaved", "mrope_section", "partial_rotary_factor",
    "rope_theta", "rope_type", "type",
  ]
  private static let ofType: [String: Set<String>] = [
    "default": [],
    "linear": ["factor"],
    "proportional": ["factor"],
    // Scaled from `max_position_embeddings`; nothing reads the original one.
    "dynamic": ["factor", "original_max_position_embeddings"],
    "llama3": [
      "factor", "high_freq_factor", "low_freq_factor", "original_max_position_embeddings",
    ],
    "yarn": [
      "attention_factor", "beta_fast", "beta_slow", "factor", "mscale", "mscale_all_dim",
      "original_max_position_embeddings", "truncate",
    ],
    "longrope": [
      "attention_factor", "factor", "long_factor", "original_max_position_embeddings",
      "short_factor",
    ],
  ]

  private static let ofAnyType = ofType.values.reduce(into: Set<String>()) {
    $0.formUnion($1)
  }

  /// Where `rope_parameters` may have an object for each kind of layer.
  static let kinds: Set<String> = [
    "rope_parameters.full_attention", "rope_parameters.sliding_attention",
  ]

  /// The type of a RoPE setting, as it is called here.
  ///
  /// - Parameter rename: from what the file calls a type to what is meant.
  /// - Throws: `ModelError` where it is not supported; what the source's look-ups throw.
  static func type(
    of settings: any ConfigurationSource, rename: [String: String]
  ) throws -> String {
    let given = try settings.string("rope_type") ?? settings.string("type") ?? "default"
    // With text alone, M-RoPE's three positions are one.
    let type = rename[given] ?? (given == "mrope" ? "default" : given)
    guard ofType[type] == nil else { return type }
    let known = ofType.keys.sorted().map(quoted).joined(separator: ", ")
    throw ModelError(
      .unsupported,
      "\(settings.name) sets the RoPE type \(quoted(given)) in "
        + "\(quoted(String(settings.prefix.dropLast()))); supported are \(known)")
  }

  /// Whether a RoPE setting may have such a key.
  static func isKnown(_ key: String) -> Bool {
    ofEveryType.contains(key) || ofAnyType.contains(key)
  }

  /// A key of other types of RoPE than `type`: it asks for something that this type does not do.
  static func foreign(_ key: String, type: String) -> UnsupportedKey? {
    guard ofAnyType.contains(key), let keys = ofType[type], !keys.contains(key),
      // In many files also where nothing is scaled from it.
      key != "original_max_position_embeddings"
    else { return nil }
    return UnsupportedKey(
      // By 1 nothing is scaled.
      key: key, neutral: key == "factor" ? [.null, 1] : [.null],
      meaning: "not of the RoPE type \(quoted(type))")
  }

  /// Keys of a RoPE setting that ask for something that no type here does.
  static let unsupported: [String: UnsupportedKey] = {
    let layers = "a rotation for each kind of layer"
    let scales = "another scaling of angles or scores"
    let keys: [String: (meaning: String, neutral: [ConfigurationValue])] = [
      "full_attention": (layers, []), "sliding_attention": (layers, []),
      "chunked_attention": (layers, []), "linear_attention": (layers, []),
      "alpha": (scales, [1]), "extrapolation_factor": (scales, [1]),
      "llama_4_scaling_beta": (scales, [0]), "long_mscale": (scales, [1]),
      "short_mscale": (scales, [1]),
    ]
    return Dictionary(
      uniqueKeysWithValues: keys.map { key, entry in
        (key, UnsupportedKey(key: key, neutral: entry.neutral + [.null], meaning: entry.meaning))
      })
  }()
}
