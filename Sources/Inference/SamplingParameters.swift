/// How the next token is chosen. What is set applies in this order: the penalties, the temperature, K,
/// P, and the least probability.
public struct SamplingParameters: Sendable, Equatable {
  /// 0: the most likely token always.
  public var temperature: Double
  /// Only the K most likely tokens; 0: all.
  public var topK: Int
  /// Only the most likely tokens whose probabilities reach P together; 1: all.
  public var topP: Double
  /// Only tokens that have at least this part of the most likely one's probability; 0: all.
  public var minP: Double
  public var seed: UInt64
  /// They apply whatever the temperature.
  public var penalties: TokenPenalties

  public init(
    temperature: Double = 0, topK: Int = 0, topP: Double = 1, minP: Double = 0, seed: UInt64 = 0,
    penalties: TokenPenalties = TokenPenalties()
  ) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.minP = minP
    self.seed = seed
    self.penalties = penalties
  }
}

// What answers are known again by: those that were given before there were these keys have none of them.
extension SamplingParameters: Encodable {
  private enum CodingKeys: CodingKey {
    case temperature, topK, topP, minP, seed
    case repetitionPenalty, presencePenalty, frequencyPenalty
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(temperature, forKey: .temperature)
    try container.encode(topK, forKey: .topK)
    try container.encode(topP, forKey: .topP)
    try container.encode(seed, forKey: .seed)
    let later: [(CodingKeys, Double, neutral: Double)] = [
      (.minP, minP, 0), (.repetitionPenalty, penalties.repetition, 1),
      (.presencePenalty, penalties.presence, 0), (.frequencyPenalty, penalties.frequency, 0),
    ]
    for (key, value, neutral) in later where value != neutral {
      try container.encode(value, forKey: key)
    }
  }
}
