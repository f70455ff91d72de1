extension RoPEParameters {
  /// - Throws: `ModelError` if a number is out of range or a list has not one element a pair.
  func validate(headDimension: Int) throws(ModelError) {
    // Below 1 the frequencies would grow without bound.
    guard theta >= 1, theta.isFinite else {
      throw ModelError(
        .malformed, "the theta of RoPE is \(theta), but must be a finite number from 1 upward")
    }
    let rotated = rotaryDimension ?? headDimension
    guard rotated >= 2, rotated % 2 == 0, rotated <= headDimension else {
      throw ModelError(
        .malformed,
        "RoPE would rotate \(rotated) of a head's \(headDimension) coordinates, but must rotate an "
          + "even number of them")
    }
    switch scaling {
    case .none: break
    case .linear(let factor), .proportional(let factor):
      try Self.check("factor", factor)
    case .dynamic(let factor, let maximumPositions):
      try Self.check("factor", factor, from: 1)
      try Self.checkPositions(maximumPositions)
      guard rotated > 2 else {
        throw ModelError(.malformed, "dynamic RoPE needs more than 2 rotated coordinates a head")
      }
    case .yarn(let yarn):
      try Self.check("factor", yarn.factor)
      try Self.check("beta_fast", yarn.betaFast)
      try Self.check("beta_slow", yarn.betaSlow)
      try Self.check("attention_factor", yarn.attentionFactor)
      try Self.checkPositions(yarn.originalPositions)
      guard theta > 1 else {
        throw ModelError(.malformed, "the theta of RoPE is 1, but YaRN needs a larger one")
      }
    case .llama3(let llama3):
      try Self.check("factor", llama3.factor)
      try Self.check("low_freq_factor", llama3.lowFrequencyFactor)
      try Self.check("high_freq_factor", llama3.highFrequencyFactor)
      try Self.checkPositions(llama3.originalPositions)
      guard llama3.highFrequencyFactor > llama3.lowFrequencyFactor else {
        throw ModelError(
          .malformed,
          "RoPE's \"high_freq_factor\" is \(llama3.highFrequencyFactor), but must be above its "
            + "\"low_freq_factor\", \(llama3.lowFrequencyFactor)")
      }
    case .longRoPE(let long):
      try Self.check("attention_factor", long.attentionFactor)
      try Self.checkPositions(long.originalPositions)
      for (key, factors) in [
        ("short_factor", long.shortFactors), ("long_factor", long.longFactors),
      ] {
        guard factors.count == rotated / 2 else {
          throw ModelError(
            .malformed,
            "RoPE's \(quoted(key)) has \(factors.count) numbers, but a head has \(rotated / 2) "
              + "rotated pairs")
        }
        for factor in factors { try Self.check(key, factor) }
      }
    }
  }

  private static func check(_ key: String, _ value: Double, from least: Double = 1e-6)
    throws(ModelError)
  {
    guard value >= least, value <= 1e9 else {
      throw ModelError(
        .malformed, "RoPE's \(quoted(key)) is \(value), but must be from \(least) to 1e9")
    }
  }

  private static func checkPositions(_ positions: Int) throws(ModelError) {
    try ModelConfiguration.check(
      "RoPE's number of original positions", positions,
      upTo: ModelConfiguration.largestPositionCount)
  }
}
