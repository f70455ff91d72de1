import Kernels

/// What goes round the ranks in a layer of a prefill; the result is the same, to the last bit.
public enum PassedOperand: String, Sendable, CaseIterable, Codable {
  case keysAndValues = "keys-and-values"
  case queries

  /// What sends fewer bytes, over all ranks and hops.
  ///
  /// In a causal layer whose keys and values go all the way round that is queries where, of so many tokens,
  /// the part that is new is less than k / (q + s): bytes of a token's keys and values, of its queries, and
  /// of the softmax states that return. With 2-byte numbers and Float64 states that is some
  /// 2 · keyValueHeads / (5 · queryHeads). Where states return rounded to 2 bytes, it is 2 · keyValueHeads /
  /// queryHeads (arXiv:2411.01783, section 3.3).
  ///
  /// - Parameters:
  ///   - newTokens: whose queries there are, of all ranks.
  ///   - schedule: of the layer's keys and values.
  public static func cheapest(
    newTokens: Int, schedule: RingSchedule, ranks: Int, layout: KeyValueLayout,
    _ arithmetic: Arithmetic
  ) -> PassedOperand {
    let keysAndValues = schedule.blockHops * layout.blockBytes
    let queries =
      (ranks - 1)
      * (arithmetic.queryLayout(layout.shape, tokens: newTokens).bytes
        + arithmetic.stateBytes(layout.shape, tokens: newTokens))
    return queries < keysAndValues ? .queries : .keysAndValues
  }
}
