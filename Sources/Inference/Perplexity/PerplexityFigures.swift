/// What the scores of a text's predictions come to.
public struct PerplexityFigures: Sendable, Equatable {
  /// How many predictions count.
  public let predictions: Int
  /// In nats a token.
  public let negativeLogLikelihood: Estimate
  /// e to its power.
  public let perplexity: Estimate
  /// Nil without a reference.
  public let comparison: Comparison?

  /// The model beside a reference.
  public struct Comparison: Sendable, Equatable {
    public let referencePerplexity: Estimate
    /// The model's perplexity over the reference's; its error is that of the tokens' differences, far
    /// smaller than those of the two.
    public let ratio: Estimate
    /// Kullback-Leibler, of the model from the reference, in nats a token.
    public let divergence: Estimate
    public let medianDivergence: Double
    public let percentile99Divergence: Double
    public let maximumDivergence: Double
    /// The share of positions at which both find the same token the likeliest.
    public let sameTop: Estimate
  }

  /// - Parameter scores: at least one, all finite, in the order of the text.
  public init(_ scores: [PredictionScore]) {
    let surprisals = scores.map(\.surprisal)
    predictions = scores.count
    negativeLogLikelihood = Estimate(surprisals)
    perplexity = negativeLogLikelihood.exponential
    comparison = scores[0].reference == nil ? nil : Comparison(scores, surprisals)
  }
}

extension PerplexityFigures.Comparison {
  fileprivate init(_ scores: [PredictionScore], _ surprisals: [Double]) {
    let references = scores.map { $0.referenceSurprisal! }
    let divergences = scores.map { $0.divergence! }
    let sorted = divergences.sorted()
    referencePerplexity = Estimate(references).exponential
    ratio = Estimate(zip(surprisals, references).map { $0 - $1 }).exponential
    divergence = Estimate(divergences)
    medianDivergence = Self.quantile(0.5, of: sorted)
    percentile99Divergence = Self.quantile(0.99, of: sorted)
    maximumDivergence = sorted.last!
    sameTop = Estimate(scores.map { $0.hasSameTop! ? 1 : 0 })
  }

  /// Between the two values that are nearest, in proportion.
  private static func quantile(_ part: Double, of sorted: [Double]) -> Double {
    let place = part * Double(sorted.count - 1)
    let below = Int(place)
    let above = min(below + 1, sorted.count - 1)
    return sorted[below] + (sorted[above] - sorted[below]) * (place - Double(below))
  }
}
