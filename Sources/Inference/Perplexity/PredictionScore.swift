import Foundation

// The softmax of logits x gives a token t the probability e^(x_t − m) / Z with m = max x and
// Z = Σ e^(x_i − m). Of two of them, r of a reference and x of the model,
//
//     KL(r ‖ x) = Σ p_i (ln p_i − ln q_i) = C / Z_r − ln Z_r + ln Z_x
//     with C = Σ e^(r_i − m_r) ((r_i − m_r) − (x_i − m_x)),
//
// which is 0 to the last bit where both have the same logits. What a rank sums over the vocabulary, in
// Float64 and in the order of the ids, takes no logarithm: those are taken on rank 0.

/// How well the token behind one position was predicted.
public struct PredictionScore: BitwiseCopyable, Sendable, Equatable {
  /// One softmax, and the token's place in it.
  struct Softmax: BitwiseCopyable, Sendable, Equatable {
    /// The token's logit less the largest one.
    let logit: Double
    /// Z.
    let sum: Double

    var surprisal: Double { log(sum) - logit }
  }

  /// What a reference predicted at the same position.
  struct Reference: BitwiseCopyable, Sendable, Equatable {
    let softmax: Softmax
    /// C.
    let crossSum: Double
    let hasSameTop: Bool
  }

  let softmax: Softmax
  let reference: Reference?

  /// −ln of the probability that the model gives the token, in nats.
  public var surprisal: Double { softmax.surprisal }

  /// The same of the reference.
  public var referenceSurprisal: Double? { reference?.softmax.surprisal }

  /// The Kullback-Leibler divergence of the model's prediction from the reference's, in nats; never
  /// below 0, which sums of rounded terms can be by their last bits.
  public var divergence: Double? {
    guard let reference else { return nil }
    let sum = reference.softmax.sum
    let divergence = reference.crossSum / sum - log(sum) + log(softmax.sum)
    return divergence < 0 ? 0 : divergence
  }

  /// Whether both find the same token the likeliest.
  public var hasSameTop: Bool? { reference?.hasSameTop }

  /// Whether all of these are numbers, which takes logits that are.
  public var isFinite: Bool {
    surprisal.isFinite && (reference == nil || divergence!.isFinite && referenceSurprisal!.isFinite)
  }

  /// - Parameters:
  ///   - token: the id of the one that followed.
  ///   - logits: `[vocabulary.size]` of the position.
  ///   - reference: as many of the reference; nil where there is none.
  public init(
    of token: Int, logits: UnsafeBufferPointer<Float>, reference: UnsafeBufferPointer<Float>? = nil
  ) {
    let top = Self.top(logits)
    let maximum = Double(logits[top])
    guard let reference else {
      var sum = 0.0
      for logit in logits { sum += (Double(logit) - maximum).exponentialOfNonPositive }
      softmax = Softmax(logit: Double(logits[token]) - maximum, sum: sum)
      self.reference = nil
      return
    }
    precondition(reference.count == logits.count, "both are over one vocabulary")
    let referenceTop = Self.top(reference)
    let referenceMaximum = Double(reference[referenceTop])
    var (sum, referenceSum, crossSum) = (0.0, 0.0, 0.0)
    for id in logits.indices {
      let logit = Double(logits[id]) - maximum
      let other = Double(reference[id]) - referenceMaximum
      let weight = other.exponentialOfNonPositive
      sum += logit.exponentialOfNonPositive
      referenceSum += weight
      crossSum += weight * (other - logit)
    }
    softmax = Softmax(logit: Double(logits[token]) - maximum, sum: sum)
    self.reference = Reference(
      softmax: Softmax(logit: Double(reference[token]) - referenceMaximum, sum: referenceSum),
      crossSum: crossSum, hasSameTop: top == referenceTop)
  }

  /// The id of the largest, the first of equal ones.
  private static func top(_ logits: UnsafeBufferPointer<Float>) -> Int {
    var (top, maximum) = (0, logits[0])
    for id in logits.indices where logits[id] > maximum { (top, maximum) = (id, logits[id]) }
    return top
  }
}
