import Foundation

extension FamilySettings {
  /// Keys of every RoPE setting, and those that each type has besides. Nothing in Transformers reads
  /// `attn_factor` and `finetuned`; M-RoPE's positions, of which text has one, are none to choose from.
  private static let ropeKeys: Set<String> = [
    "attn_factor", "finetuned", "mrope_interleaved", "mrope_section", "partial_rotary_factor",
    "rope_theta", "rope_type", "type",
  ]
  private static let scalingKeys: [String: Set<String>] = [
    "default": [],
    "linear": ["factor"],
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

  private static let keysOfAnyScaling = scalingKeys.values.reduce(into: Set<String>()) {
    $0.formUnion($1)
  }

  /// The types of RoPE that are supported, in order.
  static let scalingTypes = scalingKeys.keys.sorted()

  /// Where `rope_parameters` may have an object for each kind of layer.
  static let ropeKinds: Set<String> = [
    "rope_parameters.full_attention", "rope_parameters.sliding_attention",
  ]

  /// The type of a RoPE setting, as it is called here.
  ///
  /// - Parameter rename: from what the file calls a type to what is meant.
  /// - Throws: `ModelError` where it is not supported; what the source's look-ups throw.
  static func scalingType(
    of settings: any ConfigurationSource, rename: [String: String]
  ) throws -> String {
    let given = try settings.string("rope_type") ?? settings.string("type") ?? "default"
    // With text alone, M-RoPE's three positions are one.
    let type = rename[given] ?? (given == "mrope" ? "default" : given)
    guard scalingKeys[type] == nil else { return type }
    let known = scalingTypes.map(quoted).joined(separator: ", ")
    throw ModelError(
      .unsupported,
      "\(settings.name) sets \(quoted(settings.prefix + "rope_type")) to \(quoted(given)); supported "
        + "are \(known)")
  }

  /// Whether a RoPE setting may have such a key.
  static func knowsInRoPE(_ key: String) -> Bool {
    ropeKeys.contains(key) || keysOfAnyScaling.contains(key)
  }

  /// A key of other types of RoPE than `type`: it asks for something that this type does not do.
  static func foreignInRoPE(_ key: String, type: String) -> UnsupportedKey? {
    guard keysOfAnyScaling.contains(key), let keys = scalingKeys[type], !keys.contains(key),
      // In many files also where nothing is scaled from it.
      key != "original_max_position_embeddings"
    else { return nil }
    return UnsupportedKey(
      // By 1 nothing is scaled.
      key: key, neutral: key == "factor" ? [.null, 1] : [.null],
      meaning: "not of the RoPE type \(quoted(type))")
  }

  /// Keys of a RoPE setting that ask for something that is not supported.
  static let unsupportedInRoPE: [String: UnsupportedKey] = [
    "chunked_attention", "full_attention", "linear_attention", "sliding_attention",
  ].reduce(into: [:]) {
    $0[$1] = UnsupportedKey(
      key: $1, neutral: [.null], meaning: "a rotation for each kind of layer")
  }

  /// The rotation that `rope_parameters` describe, or in older files `rope_scaling` and keys beside
  /// it.
  ///
  /// - Parameters: as below.
  func rope(rename: [String: String] = [:], originalPositions: Int? = nil) throws
    -> RoPEParameters
  {
    try rope(
      source.object("rope_scaling") ?? source.object("rope_parameters"),
      theta: source.number("rope_theta") ?? defaults.ropeTheta, rename: rename,
      originalPositions: originalPositions)
  }

  /// - Parameters:
  ///   - settings: what one of those objects says; nil for no scaling.
  ///   - theta: holds where the settings have none.
  ///   - rename: as in `scalingType`.
  ///   - originalPositions: holds whatever the settings say.
  func rope(
    _ settings: (any ConfigurationSource)?, theta: Double, rename: [String: String] = [:],
    originalPositions: Int? = nil
  ) throws -> RoPEParameters {
    let type = try settings.map { try Self.scalingType(of: $0, rename: rename) } ?? "default"
    let theta = try settings?.number("rope_theta") ?? theta
    let part =
      try settings?.number("partial_rotary_factor") ?? source.number("partial_rotary_factor") ?? 1
    guard part > 0, part <= 1 else {
      throw ModelError(
        .malformed,
        "\(source.name) sets \"partial_rotary_factor\" to \(part), but it must be above 0 and at "
          + "most 1")
    }
    return RoPEParameters(
      theta: theta, rotaryDimension: part == 1 ? nil : Int(Double(headDimension) * part),
      scaling: try scaling(type, settings, originalPositions: originalPositions))
  }

  private func scaling(
    _ type: String, _ settings: (any ConfigurationSource)?, originalPositions: Int?
  ) throws -> RoPEScaling {
    guard let settings else { return .none }
    func number(_ key: String) throws -> Double { try settings.required(key, settings.number) }
    let original =
      try originalPositions ?? settings.integer("original_max_position_embeddings")
      ?? maximumPositions
    switch type {
    case "linear":
      return .linear(factor: try number("factor"))
    case "dynamic":
      return .dynamic(factor: try number("factor"), maximumPositions: maximumPositions)
    case "llama3":
      return .llama3(
        Llama3RoPE(
          factor: try number("factor"), lowFrequencyFactor: try number("low_freq_factor"),
          highFrequencyFactor: try number("high_freq_factor"), originalPositions: original))
    case "yarn":
      let factor = try settings.number("factor") ?? lengthening(of: original)
      return .yarn(
        YaRN(
          factor: factor, originalPositions: original,
          betaFast: try settings.number("beta_fast") ?? 32,
          betaSlow: try settings.number("beta_slow") ?? 1,
          attentionFactor: try settings.number("attention_factor")
            ?? yarnAttentionFactor(settings, factor: factor),
          truncates: try settings.boolean("truncate") ?? true))
    case "longrope":
      let factor = try settings.number("factor") ?? lengthening(of: original)
      let ratio = log(factor) / log(Double(original))
      return .longRoPE(
        LongRoPE(
          shortFactors: try settings.required("short_factor", settings.numbers),
          longFactors: try settings.required("long_factor", settings.numbers),
          originalPositions: original,
          attentionFactor: try settings.number("attention_factor")
            ?? (factor <= 1 ? 1 : (1 + ratio).squareRoot())))
    default:
      return .none
    }
  }

  /// How many times longer than its training's sequences the model's longest may be.
  private func lengthening(of original: Int) throws -> Double {
    try ModelConfiguration.check(
      "RoPE's number of original positions", original,
      upTo: ModelConfiguration.largestPositionCount)
    return Double(maximumPositions) / Double(original)
  }

  /// 0.1 · ln(factor) + 1, or the ratio of two such terms where the file weighs them.
  private func yarnAttentionFactor(_ settings: any ConfigurationSource, factor: Double) throws
    -> Double
  {
    func term(_ weight: Double) -> Double { factor <= 1 ? 1 : 0.1 * weight * log(factor) + 1 }
    if let weight = try settings.number("mscale"), weight != 0,
      let weightOfAll = try settings.number("mscale_all_dim"), weightOfAll != 0
    {
      return term(weight) / term(weightOfAll)
    }
    return term(1)
  }
}
