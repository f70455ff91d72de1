import Kernels

// What a passage of the context had to do with a token of an answer. Attention by itself does not say it:
// heads that look for nothing spread over all keys, and leave on the context's first tokens what they
// have no use for. So with
//
//     s  the passage's share of a head's softmax, f that of the first tokens and of a learned sink,
//     n  the passage's keys that the row sees, v those of all but the first tokens,
//
// a head gives the passage e = max(0, s − (1 − f) · n / v): what it has beyond its part of an even spread
// of all that is not left on the first tokens. The passage's score is the sum of e³ over heads. The cube
// weighs each head by how much it gives to this one place: a hundred heads that give a tenth each by some
// habit weigh less than one that gives a half.
//
// An excess below 1/32 counts for nothing: there is always some, and most blocks of most heads need not
// be looked at for it.
//
// The tokens right before the row are no source either, since some heads look there in every text.

/// How much a passage got of one token's attention beyond what habit gives.
public struct PassageScore: Sendable, Equatable, BitwiseCopyable {
  /// The sum over all heads that are counted.
  public var score: Float
  /// The number of the layer whose heads gave most of it.
  public var layer: Int32

  public init(score: Float = 0, layer: Int32 = 0) {
    self.score = score
    self.layer = layer
  }

  /// How many tokens before a row are no source of it.
  public static let nearestTokens = 16

  /// The least excess that counts.
  public static let leastExcess = 0x1p-5

  /// e³ of one head for the passages of a block.
  ///
  /// - Parameters:
  ///   - shares: s of each.
  ///   - keys: n of each.
  ///   - evenShare: (1 − f) / v.
  @inline(__always)
  public static func cubedExcess(
    shares: SIMD16<Double>, keys: SIMD16<Double>, evenShare: Double
  ) -> SIMD16<Double> {
    var excess = shares - evenShare * keys
    excess.replace(with: 0, where: excess .< leastExcess)
    return excess * excess * excess
  }

  /// Which layers are counted, by what they see: those that see the whole context, since others attend
  /// to what is near, whatever it is; all where there are none.
  public static func countedLayers(_ patterns: [AttentionPattern]) -> [Int] {
    let whole = patterns.indices.filter { patterns[$0].slidingWindow == nil }
    return whole.isEmpty ? Array(patterns.indices) : whole
  }
}
