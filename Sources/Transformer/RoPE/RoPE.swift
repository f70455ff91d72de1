// Rotary position embeddings (Su et al., "RoFormer", arXiv:2104.09864): of the r rotated coordinates
// of a head, j and j + r/2 are one pair (in the adjacent layout, 2j and 2j + 1), turned at position t
// by the angle t · f(j), f(j) = θ^(−2j/r) where nothing is scaled. The score of a query and a key then
// depends on their distance alone. With the proportional scaling, pairs are those of the whole head of d
// coordinates, j and j + d/2 with f(j) = θ^(−2j/d), of which only the first r/2 turn.
//
// Goals, in this order: the same bits for a position wherever and in whatever company it is
// computed; accuracy at positions in the millions, where an angle in float32 would have no correct
// digit after the point; speed. So angles are Float64 and their cosines and sines are rounded to
// Float once.
//
// Two scalings depend on the sequence's length. The context is rotated for the context's length.
// What is appended to it must not turn the keys that are there, so with dynamic NTK each further
// token takes the frequencies of the sequence that ends with it, and with LongRoPE those of the
// context.

import Foundation

/// The rotations of one head dimension at all positions.
public struct RoPE: Sendable {
  public let parameters: RoPEParameters
  public let headDimension: Int
  /// Pairs that are rotated: half of the rotated coordinates.
  public let pairs: Int
  /// In the layout of halves: from the first coordinate of a pair to its second.
  public let pairDistance: Int
  /// What cosines and sines are multiplied by.
  public let attentionFactor: Double
  /// `[pairs]`, radians a token, for sequences within the training's length.
  public let inverseFrequencies: [Double]
  /// `[pairs]`, for longer ones, where they are other ones but fixed.
  private let longFrequencies: [Double]

  /// - Parameter headDimension: even, as the number of rotated coordinates is.
  public init(_ parameters: RoPEParameters, headDimension: Int) {
    let rotated = parameters.rotaryDimension ?? headDimension
    precondition(
      rotated >= 2 && rotated % 2 == 0 && rotated <= headDimension, "RoPE rotates pairs of a head")
    self.parameters = parameters
    self.headDimension = headDimension
    pairs = rotated / 2
    let width = parameters.isProportional ? headDimension : rotated
    pairDistance = width / 2
    let frequencies = (0..<rotated / 2).map {
      pow(parameters.theta, -2 * Double($0) / Double(width))
    }
    var long: [Double] = []
    switch parameters.scaling {
    case .none, .dynamic:
      attentionFactor = 1
      inverseFrequencies = frequencies
    case .linear(let factor), .proportional(let factor):
      attentionFactor = 1
      inverseFrequencies = frequencies.map { $0 / factor }
    case .yarn(let yarn):
      attentionFactor = yarn.attentionFactor
      inverseFrequencies = yarn.scaled(frequencies, theta: parameters.theta)
    case .llama3(let llama3):
      attentionFactor = 1
      inverseFrequencies = frequencies.map(llama3.scaled)
    case .longRoPE(let longRoPE):
      attentionFactor = longRoPE.attentionFactor
      inverseFrequencies = zip(frequencies, longRoPE.shortFactors).map { $0 / $1 }
      long = zip(frequencies, longRoPE.longFactors).map { $0 / $1 }
    }
    longFrequencies = long
  }

  /// Whether the frequencies depend on the sequence's length.
  public var dependsOnLength: Bool {
    switch parameters.scaling {
    case .dynamic, .longRoPE: true
    default: false
    }
  }

  /// Whether a context of so many tokens is rotated as if it had `other`.
  public func rotates(_ tokens: Int, as other: Int) -> Bool {
    switch parameters.scaling {
    case .longRoPE(let longRoPE):
      (tokens > longRoPE.originalPositions) == (other > longRoPE.originalPositions)
    case .dynamic(_, let maximum): tokens == other || max(tokens, other) <= maximum
    default: true
    }
  }

  /// Radians a token of pair `pair`, for a token at `position` of a sequence whose context has
  /// `contextTokens`.
  public func frequency(ofPair pair: Int, at position: Int, contextTokens: Int) -> Double {
    switch parameters.scaling {
    case .longRoPE(let longRoPE) where contextTokens > longRoPE.originalPositions:
      return longFrequencies[pair]
    case .dynamic(let factor, let maximum):
      let tokens = max(contextTokens, position + 1)
      guard tokens > maximum else { return inverseFrequencies[pair] }
      let rotated = Double(2 * pairs)
      let growth = factor * Double(tokens) / Double(maximum) - (factor - 1)
      let theta = parameters.theta * pow(growth, rotated / max(rotated - 2, 1))
      return pow(theta, -2 * Double(pair) / rotated)
    default:
      return inverseFrequencies[pair]
    }
  }

  /// The cosine and sine of pair `pair`'s angle at `position`, counted from the start of the whole
  /// sequence, with the attention factor.
  public func rotation(ofPair pair: Int, at position: Int, contextTokens: Int = 0)
    -> (cosine: Float, sine: Float)
  {
    let angle =
      Double(position) * frequency(ofPair: pair, at: position, contextTokens: contextTokens)
    return (Float(attentionFactor * cos(angle)), Float(attentionFactor * sin(angle)))
  }
}

extension YaRN {
  /// What its authors found for sequences that are `factor` times as long: 0.1 · ln(factor) + 1.
  static func attentionFactor(_ factor: Double, weight: Double = 1) -> Double {
    factor <= 1 ? 1 : 0.1 * weight * log(factor) + 1
  }

  /// - Parameter frequencies: `[pairs]` unscaled, of base `theta`.
  func scaled(_ frequencies: [Double], theta: Double) -> [Double] {
    let rotated = Double(2 * frequencies.count)
    // The pair that makes `turns` turns in the training's length.
    func pair(turns: Double) -> Double {
      rotated * log(Double(originalPositions) / (turns * 2 * .pi)) / (2 * log(theta))
    }
    var (low, high) = (pair(turns: betaFast), pair(turns: betaSlow))
    if truncates { (low, high) = (low.rounded(.down), high.rounded(.up)) }
    low = max(low, 0)
    high = min(high, rotated - 1)
    if low == high { high += 0.001 }
    return frequencies.enumerated().map { pair, frequency in
      let interpolated = min(max((Double(pair) - low) / (high - low), 0), 1)
      return frequency / factor * interpolated + frequency * (1 - interpolated)
    }
  }
}

extension Llama3RoPE {
  func scaled(_ frequency: Double) -> Double {
    let wavelength = 2 * Double.pi / frequency
    let original = Double(originalPositions)
    if wavelength < original / highFrequencyFactor { return frequency }
    if wavelength > original / lowFrequencyFactor { return frequency / factor }
    let kept =
      (original / wavelength - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor)
    return (1 - kept) * frequency / factor + kept * frequency
  }
}
