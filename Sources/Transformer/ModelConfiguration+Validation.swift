extension ModelConfiguration {
  // Far above every published model, and small enough that the product of any three stays far below
  // 2^63.
  static let largestLayerCount = 1 << 12
  static let largestHiddenSize = 1 << 17
  static let largestVocabulary = 1 << 24
  static let largestHeadCount = 1 << 12
  static let largestHeadDimension = 1 << 10
  static let largestPositionCount = 1 << 32

  func validate() throws(ModelError) {
    try Self.check("the number of layers", layers.count, upTo: Self.largestLayerCount)
    try Self.check("the hidden size", hiddenSize, upTo: Self.largestHiddenSize)
    for layer in layers { try layer.feedForward.validate() }
    try Self.check("the vocabulary size", vocabulary.size, upTo: Self.largestVocabulary)
    try Self.check("the number of query heads", attention.queryHeads, upTo: Self.largestHeadCount)
    try Self.check(
      "the number of key/value heads", attention.keyValueHeads, upTo: Self.largestHeadCount)
    try Self.check("the head dimension", attention.headDimension, upTo: Self.largestHeadDimension)
    try Self.check(
      "the number of positions", sequence.maximumPositions, upTo: Self.largestPositionCount)
    for (index, layer) in layers.enumerated() {
      if let window = layer.pattern.slidingWindow {
        try Self.check("layer \(index)'s sliding window", window, upTo: Self.largestPositionCount)
      }
    }
    try validateHeads()
    try validateNumbers()
    try validateTokens()
  }

  /// - Throws: `ModelError` unless `value` is in 1…`limit`; `what` names it in the message.
  static func check(_ what: String, _ value: Int, upTo limit: Int) throws(ModelError) {
    guard value >= 1 else {
      throw ModelError(.malformed, "\(what) is \(value), but must be at least 1")
    }
    guard value <= limit else {
      throw ModelError(.unsupported, "\(what) is \(value), but at most \(limit) is supported")
    }
  }

  private func validateHeads() throws(ModelError) {
    let (queryHeads, keyValueHeads) = (attention.queryHeads, attention.keyValueHeads)
    guard queryHeads % keyValueHeads == 0 else {
      throw ModelError(
        .malformed,
        "the \(queryHeads) query heads cannot be divided evenly among the \(keyValueHeads) "
          + "key/value heads"
      )
    }
    guard attention.headDimension % 2 == 0 else {
      throw ModelError(
        .unsupported,
        "the head dimension is \(attention.headDimension), but must be even to be supported")
    }
  }

  private func validateNumbers() throws(ModelError) {
    let epsilon = normalization.epsilon
    guard epsilon > 0, epsilon <= 1 else {
      throw ModelError(
        .malformed, "the epsilon of RMSNorm is \(epsilon), but must be above 0 and at most 1"
      )
    }
    for (what, value) in [
      ("the scale of attention", attention.scale),
      ("the soft cap of scores", attention.scoreSoftCap ?? 1),
      ("the soft cap of logits", vocabulary.logitSoftCap ?? 1),
      ("the scale of embeddings", vocabulary.embeddingScale),
    ] {
      // Far from where float32 would overflow.
      guard value >= 1e-6, value <= 1e6 else {
        throw ModelError(.malformed, "\(what) is \(value), but must be from 1e-6 to 1e6")
      }
    }
    for rope in ropes { try rope.validate(headDimension: attention.headDimension) }
  }

  private func validateTokens() throws(ModelError) {
    if let token = sequence.beginningToken, !(0..<vocabulary.size).contains(token) {
      throw ModelError(
        .malformed,
        "the beginning-of-sequence token is \(token), outside the vocabulary of "
          + "\(vocabulary.size) tokens"
      )
    }
    for token in sequence.endTokens where !(0..<vocabulary.size).contains(token) {
      throw ModelError(
        .malformed,
        "an end-of-sequence token is \(token), outside the vocabulary of \(vocabulary.size) tokens")
    }
  }
}
