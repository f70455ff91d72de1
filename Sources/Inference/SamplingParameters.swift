/// How the next token is chosen.
public struct SamplingParameters: Sendable, Equatable, Codable {
  /// 0: the most likely token always.
  public var temperature: Double
  /// Only the K most likely tokens; 0: all.
  public var topK: Int
  /// Only the most likely tokens whose probabilities reach P together; 1: all.
  public var topP: Double
  public var seed: UInt64

  public init(temperature: Double = 0, topK: Int = 0, topP: Double = 1, seed: UInt64 = 0) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.seed = seed
  }
}
