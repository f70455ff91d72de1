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
    try Self.check(
      "the number of positions", sequence.maximumPositions, upTo: Self.largestPositionCount)
    for (index, layer) in layers.enumerated() {
      if let window = layer.pattern.slidingWindow {
        try Self.check("layer \(index)'s sliding window", window, upTo: Self.largestPositionCount)
      }
    }
    try validateAttention()
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

  /// Says in which layer something is wrong where layers differ.
  private func validateAttention() throws(ModelError) {
    var valid: [LayerConfiguration] = []
    let areAlike = attentions.count == 1 && rotations.count <= 1
    for (index, layer) in layers.enumerated() {
      let isKnown = valid.contains { $0.attention == layer.attention && $0.rope == layer.rope }
      if isKnown { continue }
      do throws(ModelError) {
        try layer.attention.validate()
        try layer.rope?.validate(headDimension: layer.attention.headDimension)
      } catch {
        throw areAlike ? error : ModelError(error.kind, "layer \(index): \(error.message)")
      }
      valid.append(layer)
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
      ("the soft cap of logits", vocabulary.logitSoftCap ?? 1),
      ("the scale of embeddings", vocabulary.embeddingScale),
    ] {
      try Self.check(what, value)
    }
  }

  /// - Throws: `ModelError` unless `value` is far from where float32 would overflow.
  static func check(_ what: String, _ value: Double) throws(ModelError) {
    guard value >= 1e-6, value <= 1e6 else {
      throw ModelError(.malformed, "\(what) is \(value), but must be from 1e-6 to 1e6")
    }
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
