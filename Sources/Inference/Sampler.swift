import Foundation
import Kernels

/// Chooses tokens; the same logits and seed give the same tokens on every machine whose logits are
/// the same.
public struct Sampler: Sendable {
  /// What samplers need for the time of one choice; they may share it.
  public struct Workspace: Sendable {
    fileprivate var ranking = TokenRanking()
    fileprivate var weights: [Double] = []
    /// `[vocabulary.size]`: with the penalties in them.
    fileprivate var penalized: [Float] = []
    fileprivate var counts: [Int32] = []

    public init() {}
  }

  public let parameters: SamplingParameters
  private var generator: SplitMix64

  public init(_ parameters: SamplingParameters) {
    self.parameters = parameters
    generator = SplitMix64(seed: parameters.seed)
  }

  /// The next token. A NaN counts as less than every number, and is drawn only where there is no
  /// number.
  ///
  /// - Parameters:
  ///   - logits: `[vocabulary.size]`, at least one; they stay as they are.
  ///   - history: what penalties look at, made for this vocabulary.
  public mutating func next(
    _ logits: UnsafeBufferPointer<Float>, after history: TokenHistory = TokenHistory(),
    _ workspace: inout Workspace
  ) -> Int32 {
    guard !parameters.penalties.isNeutral else { return choose(logits, &workspace) }
    var penalized: [Float] = []
    swap(&penalized, &workspace.penalized)
    defer { swap(&penalized, &workspace.penalized) }
    penalized.removeAll(keepingCapacity: true)
    penalized.append(contentsOf: logits)
    if workspace.counts.count < logits.count {
      workspace.counts = [Int32](repeating: 0, count: logits.count)
    }
    parameters.penalties.apply(to: &penalized, history, counts: &workspace.counts)
    return penalized.withUnsafeBufferPointer { choose($0, &workspace) }
  }

  private mutating func choose(
    _ logits: UnsafeBufferPointer<Float>, _ workspace: inout Workspace
  ) -> Int32 {
    guard parameters.temperature > 0 else { return Self.mostLikely(logits) }
    workspace.ranking.find(parameters.topK > 0 ? parameters.topK : logits.count, of: logits)
    weigh(logits, &workspace)
    guard !workspace.weights.isEmpty else { return Self.mostLikely(logits) }
    // Sums go from the largest weight to the smallest, always: another order would round otherwise,
    // and a token at the edge would be another one.
    let kept = min(
      Self.nucleus(workspace.weights, probability: parameters.topP),
      Self.likelyEnough(workspace.weights, part: parameters.minP))
    var remaining = generator.nextUniform() * workspace.weights.prefix(kept).reduce(0, +)
    for place in 0..<kept {
      remaining -= workspace.weights[place]
      if remaining < 0 { return Int32(workspace.ranking.token(at: place)) }
    }
    return Int32(workspace.ranking.token(at: kept - 1))
  }

  /// The first of the largest; a NaN counts as less than every number.
  private static func mostLikely(_ logits: UnsafeBufferPointer<Float>) -> Int32 {
    var best = 0
    for index in logits.indices where logits[index] > logits[best] || logits[best].isNaN {
      best = index
    }
    return Int32(best)
  }

  /// The weights of the ranked tokens up to those that are NaN.
  private func weigh(_ logits: UnsafeBufferPointer<Float>, _ workspace: inout Workspace) {
    let ranking = workspace.ranking
    let largest = Double(logits[ranking.token(at: 0)])
    workspace.weights.removeAll(keepingCapacity: true)
    for place in 0..<ranking.count {
      let logit = logits[ranking.token(at: place)]
      guard !logit.isNaN else { break }
      workspace.weights.append(exp((Double(logit) - largest) / parameters.temperature))
    }
  }

  /// How many of the falling weights reach `probability` of their sum (Holtzman et al. 2020); at
  /// least one.
  private static func nucleus(_ weights: [Double], probability: Double) -> Int {
    guard probability < 1 else { return weights.count }
    let wanted = weights.reduce(0, +) * probability
    var sum = 0.0
    for (index, weight) in weights.enumerated() {
      sum += weight
      if sum >= wanted { return index + 1 }
    }
    return weights.count
  }

  /// How many of the falling weights are at least this `part` of the first, as `min_p` in Transformers
  /// wants it; at least one.
  private static func likelyEnough(_ weights: [Double], part: Double) -> Int {
    guard part > 0 else { return weights.count }
    let least = weights[0] * part
    return max(1, weights.firstIndex { $0 < least } ?? weights.count)
  }
}
