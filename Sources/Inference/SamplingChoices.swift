/// How tokens are chosen, as far as one place says so; nil where it says nothing.
public struct SamplingChoices: Sendable, Equatable, Codable {
  public var temperature: Double?
  public var topK: Int?
  public var topP: Double?
  public var seed: UInt64?

  public init(
    temperature: Double? = nil, topK: Int? = nil, topP: Double? = nil, seed: UInt64? = nil
  ) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.seed = seed
  }

  /// These choices, and where there is none, that of `other`.
  public func filled(from other: SamplingChoices) -> SamplingChoices {
    SamplingChoices(
      temperature: temperature ?? other.temperature, topK: topK ?? other.topK,
      topP: topP ?? other.topP, seed: seed ?? other.seed)
  }
}

extension SamplingParameters {
  /// These choices, and the usual value where there is none.
  public init(_ choices: SamplingChoices) {
    self.init()
    temperature = choices.temperature ?? temperature
    topK = choices.topK ?? topK
    topP = choices.topP ?? topP
    seed = choices.seed ?? seed
  }
}
