import JSON
import ModelFiles

/// How a model's makers would generate with it; nil where they say nothing.
public struct GenerationSuggestions: Sendable, Equatable, Codable {
  public var maximumTokens: Int?
  public var stopTexts: [String]?
  public var sampling = SamplingChoices()
  /// Settings that would change what is generated and that ringflash does not apply, with their
  /// values: `"num_beams": 4`.
  public var notApplied: [String] = []

  public init(maximumTokens: Int? = nil, stopTexts: [String]? = nil) {
    self.maximumTokens = maximumTokens
    self.stopTexts = stopTexts
  }

  /// From `generation_config.json`, as `GenerationConfig` in Hugging Face Transformers has it: its
  /// sampling settings but the penalty of repetition count only where it says `do_sample`, and have
  /// defaults then. `max_length`,
  /// which counts the input too, is left to the limit on positions.
  init(_ document: JSONDocument) throws {
    maximumTokens = try document.integerIfPresent("max_new_tokens", in: 0...Int(Int32.max))
    stopTexts = try Self.stopTexts(document)
    let samples = try document.booleanIfPresent("do_sample") ?? false
    if samples {
      sampling = SamplingChoices(
        temperature: try document.numberIfPresent("temperature") ?? 1,
        topK: try document.integerIfPresent("top_k", in: 0...Int(Int32.max)) ?? 50,
        topP: try document.numberIfPresent("top_p") ?? 1,
        minP: try document.numberIfPresent("min_p"))
    }
    sampling.repetitionPenalty = try document.numberIfPresent("repetition_penalty")
    let neutralValues =
      Self.neutralValues.merging(samples ? Self.neutralValuesOfSampling : [:]) { $1 }
    for (key, neutral) in neutralValues.sorted(by: { $0.key < $1.key }) {
      if let setting = Self.setting(key, document, neutral: neutral) { notApplied.append(setting) }
    }
  }

  private static func stopTexts(_ document: JSONDocument) throws -> [String]? {
    if let text = try? document.stringIfPresent("stop_strings") { return [text] }
    return try document.stringsIfPresent("stop_strings")
  }

  /// The values with which settings that ringflash does not have change nothing; nil where only
  /// their absence does.
  private static let neutralValues: [String: Double?] = [
    "encoder_repetition_penalty": 1, "no_repeat_ngram_size": 0,
    "encoder_no_repeat_ngram_size": 0, "num_beams": 1, "num_beam_groups": 1, "penalty_alpha": 0,
    "min_length": 0, "min_new_tokens": 0, "guidance_scale": 1, "bad_words_ids": nil,
    "force_words_ids": nil, "constraints": nil, "sequence_bias": nil, "suppress_tokens": nil,
    "begin_suppress_tokens": nil, "forced_bos_token_id": nil, "forced_eos_token_id": nil,
    "exponential_decay_length_penalty": nil, "watermarking_config": nil, "dola_layers": nil,
    "max_time": nil,
  ]

  /// The same for those that count only where tokens are sampled.
  private static let neutralValuesOfSampling: [String: Double?] = [
    "top_h": nil, "typical_p": 1, "epsilon_cutoff": 0, "eta_cutoff": 0,
  ]

  /// The setting and its value, or nil where it is absent or changes nothing.
  private static func setting(
    _ key: String, _ document: JSONDocument, neutral: Double?
  ) -> String? {
    guard document.contains(key) else { return nil }
    guard let number = try? document.numberIfPresent(key) else {
      // An empty list asks for nothing either.
      if let list = try? document.integersIfPresent(key), list.isEmpty { return nil }
      return "\"\(key)\""
    }
    if number == neutral { return nil }
    let text = Int(exactly: number).map(String.init) ?? "\(number)"
    return "\"\(key)\": \(text)"
  }
}
