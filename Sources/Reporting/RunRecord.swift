import Foundation

/// Everything worth keeping about one run; written by `--report` and printed by `--json`.
///
/// In JSON, what `program`, `job`, `model`, `answer`, `work` and `perRank` have stands side by side in
/// one object. Every key is always present, and every number is finite: a rate that is undefined
/// because no time passed, or because nothing was done, is 0.
public struct RunRecord: Equatable, Sendable {
  public let program: Program
  public let job: Job
  public let model: Model
  public let answer: Answer
  /// Where the time went, in seconds by the clock of rank 0.
  public let seconds: Seconds
  /// Derived from the tokens and `seconds`.
  public let tokensPerSecond: TokensPerSecond
  public let work: Work
  public let perRank: PerRank
  /// What a reader of the answer ought to know: each sentence as it was logged.
  public let warnings: [String]

  /// A record of what is given; `tokensPerSecond` follows from it.
  public init(
    program: Program = Program(), job: Job, model: Model, answer: Answer, seconds: Seconds,
    work: Work, perRank: PerRank, warnings: [String] = []
  ) {
    self.program = program
    self.job = job
    self.model = model
    self.answer = answer
    self.seconds = seconds.withoutUndefined
    // A token of which some layers were restored counts for the others.
    let computed = 1 - rate(Double(model.restoredLayers), Double(model.layers))
    tokensPerSecond = TokensPerSecond(
      prefill: rate(
        Double(answer.tokens.context - model.restoredTokens) * computed, seconds.prefill),
      decode: rate(Double(answer.tokens.generated), seconds.decode))
    self.work = work
    self.perRank = perRank
    self.warnings = warnings
  }

  /// The record as JSON on one line with a newline at its end, keys sorted, slashes as they are.
  ///
  /// - Throws: what `JSONEncoder` throws; with finite numbers it does not.
  public func json() throws -> Data { try lineOfJSON(self) }
}

extension RunRecord: Codable {
  private enum CodingKeys: String, CodingKey {
    case seconds, warnings
    case tokensPerSecond = "tokens_per_second"
  }

  public func encode(to encoder: any Encoder) throws {
    try program.encode(to: encoder)
    try job.encode(to: encoder)
    try model.encode(to: encoder)
    try answer.encode(to: encoder)
    try work.encode(to: encoder)
    try perRank.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(seconds, forKey: .seconds)
    try container.encode(warnings, forKey: .warnings)
    try container.encode(tokensPerSecond, forKey: .tokensPerSecond)
  }

  public init(from decoder: any Decoder) throws {
    program = try Program(from: decoder)
    job = try Job(from: decoder)
    model = try Model(from: decoder)
    answer = try Answer(from: decoder)
    work = try Work(from: decoder)
    perRank = try PerRank(from: decoder)
    let container = try decoder.container(keyedBy: CodingKeys.self)
    seconds = try container.decode(Seconds.self, forKey: .seconds)
    warnings = try container.decode([String].self, forKey: .warnings)
    tokensPerSecond = try container.decode(TokensPerSecond.self, forKey: .tokensPerSecond)
  }
}
