/// How tokens are chosen, as far as one place says so; nil where it says nothing.
public struct SamplingChoices: Sendable, Equatable, Codable {
  public var temperature: Double?
  public var topK: Int?
  public var topP: Double?
  public var minP: Double?
  public var seed: UInt64?
  public var repetitionPenalty: Double?
  public var presencePenalty: Double?
  public var frequencyPenalty: Double?

  public init(
    temperature: Double? = nil, topK: Int? = nil, topP: Double? = nil, minP: Double? = nil,
    seed: UInt64? = nil
  ) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.minP = minP
    self.seed = seed
  }

  /// These choices, and where there is none, that of `other`.
  public func filled(from other: SamplingChoices) -> SamplingChoices {
    var filled = SamplingChoices(
      temperature: temperature ?? other.temperature, topK: topK ?? other.topK,
      topP: topP ?? other.topP, minP: minP ?? other.minP, seed: seed ?? other.seed)
    filled.repetitionPenalty = repetitionPenalty ?? other.repetitionPenalty
    filled.presencePenalty = presencePenalty ?? other.presencePenalty
    filled.frequencyPenalty = frequencyPenalty ?? other.frequencyPenalty
    return filled
  }
}

extension SamplingParameters {
  /// These choices, and the usual value where there is none.
  public init(_ choices: SamplingChoices) {
    self.init()
    temperature = choices.temperature ?? temperature
    topK = choices.topK ?? topK
    topP = choices.topP ?? topP
    minP = choices.minP ?? minP
    seed = choices.seed ?? seed
    penalties.repetition = choices.repetitionPenalty ?? penalties.repetition
    penalties.presence = choices.presencePenalty ?? penalties.presence
    penalties.frequency = choices.frequencyPenalty ?? penalties.frequency
  }
}
