import RingAttention

/// A place of the context that a token of an answer, or all of them, come from.
public struct SourcePlace: Sendable, Equatable {
  /// The positions of its tokens.
  public let tokens: Range<Int>
  /// Its part of the scores of the whole context, up to 1.
  public let share: Double
  /// The numbers of the layers that gave most of its passages' scores, that of the highest first.
  public let layers: [Int]
}

/// How much each passage of a context had to do with a token, or with several.
public struct PassageTally: Sendable {
  public let passages: ContextPassages
  /// `[passages.count]`: the sum of the tokens' scores.
  public private(set) var scores: [Double]
  /// `[passages.count]`: the most that one token gave, and the layer that it came from.
  private var most: [PassageScore]

  public init(_ passages: ContextPassages) {
    self.passages = passages
    scores = [Double](repeating: 0, count: passages.count)
    most = [PassageScore](repeating: PassageScore(), count: passages.count)
  }

  /// - Parameter token: `[passages.count]`
  public mutating func add(_ token: [PassageScore]) {
    for (passage, score) in token.enumerated() where score.score > 0 {
      scores[passage] += Double(score.score)
      if score.score > most[passage].score { most[passage] = score }
    }
  }

  /// A place goes on to both sides as long as a passage has at least this part of the score at its peak,
  /// over two passages at most: so it has the size of a sentence or two.
  private static let leastOfPeak = 0.1
  private static let mostBeside = 2

  /// So many places are looked for at least: one that comes later may have more neighbours, and so more in
  /// all.
  private static let leastCandidates = 10

  /// The `count` places with the highest scores, the highest first; fewer where no more have any.
  ///
  /// Places do not touch: what is beside one belongs to its edge and is none of its own. Where two scores
  /// are equal, the earlier place comes first.
  public func places(_ count: Int) -> [SourcePlace] {
    let candidates = candidates(max(count, Self.leastCandidates))
    return Array(
      candidates.sorted { ($1.share, $0.tokens.lowerBound) < ($0.share, $1.tokens.lowerBound) }
        .prefix(count))
  }

  /// Places by their warmest passages.
  private func candidates(_ count: Int) -> [SourcePlace] {
    let total = scores.reduce(0, +)
    var isTaken = [Bool](repeating: false, count: scores.count)
    var places: [SourcePlace] = []
    while places.count < count {
      var peak: Int?
      for passage in scores.indices where !isTaken[passage] && scores[passage] > 0 {
        if peak.map({ scores[passage] > scores[$0] }) ?? true { peak = passage }
      }
      guard let peak else { break }
      isTaken[peak] = true
      var parts = [peak]
      for step in [-1, 1] {
        var next = neighbour(of: peak, step)
        var beside = 0
        while let passage = next, !isTaken[passage] {
          isTaken[passage] = true
          guard beside < Self.mostBeside, scores[passage] >= Self.leastOfPeak * scores[peak] else {
            break
          }
          parts.insert(passage, at: step < 0 ? 0 : parts.count)
          beside += 1
          next = neighbour(of: passage, step)
        }
      }
      places.append(place(of: parts, total: total))
    }
    return places
  }

  /// The next passage that is not empty; nil at the context's ends.
  private func neighbour(of passage: Int, _ step: Int) -> Int? {
    var next = passage + step
    while scores.indices.contains(next), passages.tokens(of: next).isEmpty { next += step }
    return scores.indices.contains(next) ? next : nil
  }

  private func place(of parts: [Int], total: Double) -> SourcePlace {
    var layers: [Int] = []
    for part in parts.sorted(by: { (scores[$1], $0) < (scores[$0], $1) }) where scores[part] > 0 {
      let layer = Int(most[part].layer)
      if !layers.contains(layer) { layers.append(layer) }
    }
    let tokens = passages.tokens(of: parts.first!).lowerBound
    return SourcePlace(
      tokens: tokens..<passages.tokens(of: parts.last!).upperBound,
      share: parts.reduce(0) { $0 + scores[$1] } / total, layers: layers)
  }
}
