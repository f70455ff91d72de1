import Kernels

/// The parameters of one rotary position embedding.
public struct RoPEParameters: Equatable, Hashable, Sendable {
  /// The base of the geometric sequence of wavelengths.
  public let theta: Double
  /// Coordinates of a head that are rotated, from its first one, or with the proportional scaling the
  /// first pairs of the whole head; nil: all.
  public let rotaryDimension: Int?
  /// How the frequencies are changed for sequences longer than those of the training.
  public let scaling: RoPEScaling
  /// Where the coordinates of a pair stand, which the order of the projections' rows decides.
  public var layout: RotationLayout

  public init(
    theta: Double, rotaryDimension: Int? = nil, scaling: RoPEScaling = .none,
    layout: RotationLayout = .halves
  ) {
    self.theta = theta
    self.rotaryDimension = rotaryDimension
    self.scaling = scaling
    self.layout = layout
  }
}

extension RoPEParameters {
  /// Whether pairs are those of the whole head, also where only some of them turn.
  var isProportional: Bool {
    if case .proportional = scaling { true } else { false }
  }
}

/// A published way to change RoPE's frequencies f for longer sequences. Names and defaults are those
/// of `rope_type` in Hugging Face Transformers.
public enum RoPEScaling: Equatable, Hashable, Sendable {
  case none
  /// f / factor (Chen et al. 2023, "Position Interpolation", arXiv:2306.15595).
  case linear(factor: Double)
  /// A larger theta, from `maximumPositions` on growing with the sequence ("dynamic NTK").
  case dynamic(factor: Double, maximumPositions: Int)
  case yarn(YaRN)
  case llama3(Llama3RoPE)
  case longRoPE(LongRoPE)
  /// f / factor, where f counts by the whole head, not by the rotated part, and the pairs of the whole
  /// head from that part on stay as they are.
  case proportional(factor: Double)

  /// How far the scaling carries a model whose `max_position_embeddings` are `positions`. With the
  /// linear and dynamic ones that number is the training's; Llama 3.1 and LongRoPE have counted
  /// theirs already; with YaRN files differ.
  func reach(_ positions: Int) -> Int {
    func times(_ factor: Double, _ positions: Int) -> Int {
      // Before anything is validated: a factor may be of any size and sign.
      let product = Double(positions) * factor
      return product > 0
        ? Int(min(product, Double(ModelConfiguration.largestPositionCount))) : 0
    }
    switch self {
    case .none, .llama3, .longRoPE, .proportional: return positions
    case .linear(let factor), .dynamic(let factor, _): return times(factor, positions)
    case .yarn(let yarn): return max(positions, times(yarn.factor, yarn.originalPositions))
    }
  }

  /// What `rope_type` calls it.
  public var name: String {
    switch self {
    case .none: "default"
    case .linear: "linear"
    case .dynamic: "dynamic"
    case .yarn: "yarn"
    case .llama3: "llama3"
    case .longRoPE: "longrope"
    case .proportional: "proportional"
    }
  }
}

/// YaRN (Peng et al. 2023, arXiv:2309.00071): pairs that turn often in the training's length keep
/// their frequency, those that turn seldom take f / factor, with a ramp between.
public struct YaRN: Equatable, Hashable, Sendable {
  public let factor: Double
  /// The length of the training's sequences, in tokens.
  public let originalPositions: Int
  /// Turns in that length at which the ramp begins and ends.
  public let betaFast: Double
  public let betaSlow: Double
  /// What cosines and sines are multiplied by.
  public let attentionFactor: Double
  /// Whether the ramp's ends are rounded to whole pairs.
  public let truncates: Bool
}

/// Llama 3.1's scaling: wavelengths below originalPositions / highFrequencyFactor stay, those above
/// originalPositions / lowFrequencyFactor are multiplied by factor, with a ramp between.
public struct Llama3RoPE: Equatable, Hashable, Sendable {
  public let factor: Double
  public let lowFrequencyFactor: Double
  public let highFrequencyFactor: Double
  public let originalPositions: Int
}

/// LongRoPE (Ding et al. 2024, arXiv:2402.13753): a divisor for every pair, one set for sequences up
/// to the training's length and one for longer ones.
public struct LongRoPE: Equatable, Hashable, Sendable {
  /// `[rotaryDimension/2]`
  public let shortFactors: [Double]
  /// `[rotaryDimension/2]`
  public let longFactors: [Double]
  public let originalPositions: Int
  /// What cosines and sines are multiplied by.
  public let attentionFactor: Double
}
