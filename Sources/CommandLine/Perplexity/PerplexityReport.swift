import Foundation
import Inference
import Reporting

/// What `perplexity` found; in JSON one object, together with what a run record says of the job, of the
/// model and of the prefill.
struct PerplexityReport: CommandReport {
  struct Tokens: Encodable {
    let context: Int
    let skipped: Int
    /// Predictions that count.
    let counted: Int
  }

  struct Seconds: Encodable {
    let load: Double
    let tokenize: Double
    let prefill: Double
    let score: Double
  }

  /// A figure and its standard error, which is null of a single value.
  struct Figure: Encodable {
    let value: Double?
    let standardError: Double?

    init(_ estimate: Estimate) {
      value = estimate.mean.finite
      standardError = estimate.standardError?.finite
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(value, forKey: .value)
      try container.encode(standardError, forKey: .standardError)
    }

    enum CodingKeys: CodingKey { case value, standardError }
  }

  struct Against: Encodable {
    let path: String
    let perplexity: Figure
    let perplexityRatio: Figure
    let divergence: Figure
    let medianDivergence: Double
    let percentile99Divergence: Double
    let maximumDivergence: Double
    let sameTop: Figure

    init(_ path: String, _ figures: PerplexityFigures.Comparison) {
      self.path = path
      perplexity = Figure(figures.referencePerplexity)
      perplexityRatio = Figure(figures.ratio)
      divergence = Figure(figures.divergence)
      medianDivergence = figures.medianDivergence
      percentile99Divergence = figures.percentile99Divergence
      maximumDivergence = figures.maximumDivergence
      sameTop = Figure(figures.sameTop)
    }
  }

  private let figures: PerplexityFigures
  private let job: RunRecord.Job
  private let model: RunRecord.Model
  private let work: RunRecord.Work
  private let perRank: RunRecord.PerRank
  private let tokens: Tokens
  private let seconds: Seconds
  private let warnings: [String]
  private let against: String?

  init(
    _ figures: PerplexityFigures, _ run: RunDescription, _ ranks: [RankReport],
    _ prefilling: GenerateJob, _ command: PerplexityCommand, scoringSeconds: Double
  ) {
    self.figures = figures
    job = RunRecord.Job(run, prefilling.settings, ranks)
    model = RunRecord.Model(run, prefilling.settings)
    work = RunRecord.Work(of: ranks)
    perRank = RunRecord.PerRank(ranks)
    tokens = Tokens(
      context: run.contextTokens, skipped: command.skip, counted: figures.predictions)
    let spent = prefilling.clock.seconds
    seconds = Seconds(
      load: spent.load, tokenize: spent.tokenize, prefill: spent.prefill, score: scoringSeconds)
    warnings = prefilling.warnings.texts
    against = command.against
  }

  // MARK: - JSON

  private enum CodingKeys: CodingKey {
    case tokens, seconds, warnings, negativeLogLikelihood, perplexity, against
  }

  func encode(to encoder: any Encoder) throws {
    try RunRecord.Program().encode(to: encoder)
    try job.encode(to: encoder)
    try model.encode(to: encoder)
    try work.encode(to: encoder)
    try perRank.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(tokens, forKey: .tokens)
    try container.encode(seconds, forKey: .seconds)
    try container.encode(warnings, forKey: .warnings)
    try container.encode(Figure(figures.negativeLogLikelihood), forKey: .negativeLogLikelihood)
    try container.encode(Figure(figures.perplexity), forKey: .perplexity)
    try container.encode(
      figures.comparison.map { Against(against ?? "", $0) }, forKey: .against)
  }

  // MARK: - Text

  static let valueColumn = 25

  var lines: [(label: String, value: String)] {
    let left = tokens.skipped == 0 ? "" : ", without the first \(tokens.skipped)"
    let lines = [
      ("model", "\(model.name), \(job.precision)"),
      ("predictions", "\(tokens.counted) of a text of \(tokens.context) tokens\(left)"),
      ("negative log-likelihood", "\(figures.negativeLogLikelihood.text) nats a token"),
      ("perplexity", figures.perplexity.text),
    ]
    return lines + (figures.comparison.map(comparisonLines) ?? [])
  }

  private func comparisonLines(
    _ figures: PerplexityFigures.Comparison
  ) -> [(label: String, value: String)] {
    [
      ("reference", against ?? ""),
      ("its perplexity", figures.referencePerplexity.text),
      ("perplexity ratio", "\(figures.ratio.text), the model's over the reference's"),
      ("KL divergence", "\(figures.divergence.text) nats a token"),
      ("", "median \(figures.medianDivergence.brief)"),
      ("", "99th percentile \(figures.percentile99Divergence.brief)"),
      ("", "maximum \(figures.maximumDivergence.brief)"),
      ("same top token", "\(figures.sameTop.percent.text) %"),
    ]
  }
}

extension Estimate {
  /// Such as "12.345 ± 0.067": as many digits as the error has a meaning for, two of its own.
  fileprivate var text: String {
    guard let error = standardError, error.isFinite, error > 0, abs(mean) < 1e7 else {
      return mean.brief + (standardError.map { " ± \($0.brief)" } ?? "")
    }
    let digits = max(0, min(12, 1 - Int(log10(error).rounded(.down))))
    return String(format: "%.\(digits)f ± %.\(digits)f", mean, error)
  }

  fileprivate var percent: Estimate {
    Estimate(mean: 100 * mean, standardError: standardError.map { 100 * $0 })
  }
}

extension Double {
  /// Six digits.
  fileprivate var brief: String { String(format: "%.6g", self) }

  /// Nil for what JSON has no number for.
  fileprivate var finite: Double? { isFinite ? self : nil }
}
