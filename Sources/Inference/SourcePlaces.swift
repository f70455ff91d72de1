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
  private static let leastOfPeak = 0.25
  private static let mostBeside = 2

  /// The `count` places with the highest scores, the highest first; fewer where no more have any.
  ///
  /// Places do not touch: what is beside one belongs to its edge and is none of its own. Where two scores
  /// are equal, the earlier passage comes first.
  public func places(_ count: Int) -> [SourcePlace] {
    let total = scores.reduce(0, +)
    let ranked = scores.indices.filter { scores[$0] > 0 }.sorted {
      (scores[$1], $0) < (scores[$0], $1)
    }
    // The empty ones left out, so that neighbours in this list are neighbours in the text.
    let all = scores.indices.filter { !passages.tokens(of: $0).isEmpty }
    var isTaken = [Bool](repeating: false, count: all.count)
    var places: [SourcePlace] = []
    for peak in ranked {
      guard places.count < count else { break }
      guard let index = all.firstIndex(orAfter: peak), all[index] == peak, !isTaken[index] else {
        continue
      }
      func end(towards step: Int) -> Int {
        var end = index
        while abs(end + step - index) <= Self.mostBeside, all.indices.contains(end + step),
          !isTaken[end + step], scores[all[end + step]] >= Self.leastOfPeak * scores[peak]
        {
          end += step
        }
        return end
      }
      let (first, last) = (end(towards: -1), end(towards: 1))
      for beside in max(0, first - 1)...min(all.count - 1, last + 1) { isTaken[beside] = true }
      places.append(place(of: all[first...last], total: total))
    }
    return places
  }

  private func place(of parts: ArraySlice<Int>, total: Double) -> SourcePlace {
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

extension [Int] {
  /// The place of the first of ascending numbers that is not below `number`; nil where all are.
  fileprivate func firstIndex(orAfter number: Int) -> Int? {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if self[middle] < number { low = middle + 1 } else { high = middle }
    }
    return low < count ? low : nil
  }
}
