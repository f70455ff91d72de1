import Foundation

extension FamilySettings {
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
  ///   - headDimension: of the layers that have it; nil for the settings' own.
  ///   - rename: as in `RoPEKeys.type`.
  ///   - originalPositions: holds whatever the settings say.
  func rope(
    _ settings: (any ConfigurationSource)?, theta: Double, headDimension: Int? = nil,
    rename: [String: String] = [:], originalPositions: Int? = nil
  ) throws -> RoPEParameters {
    let type = try settings.map { try RoPEKeys.type(of: $0, rename: rename) } ?? "default"
    let theta = try settings?.number("rope_theta") ?? theta
    let part =
      try settings?.number("partial_rotary_factor") ?? source.number("partial_rotary_factor")
      ?? defaults.partialRotaryFactor
    guard part > 0, part <= 1 else {
      throw ModelError(
        .malformed,
        "\(source.name) sets \(source.title("partial_rotary_factor")) to \(part), but it must be "
          + "above 0 and at most 1")
    }
    let rotated = Double(headDimension ?? self.headDimension) * part
    return RoPEParameters(
      theta: theta,
      // What is proportional counts pairs, of which an odd number of coordinates leaves one out.
      rotaryDimension: part == 1
        ? nil : type == "proportional" ? 2 * Int(rotated / 2) : Int(rotated),
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
    case "proportional":
      return .proportional(factor: try settings.number("factor") ?? 1)
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
    func term(_ weight: Double) -> Double { YaRN.attentionFactor(factor, weight: weight) }
    if let weight = try settings.number("mscale"), weight != 0,
      let weightOfAll = try settings.number("mscale_all_dim"), weightOfAll != 0
    {
      return term(weight) / term(weightOfAll)
    }
    return term(1)
  }
}
