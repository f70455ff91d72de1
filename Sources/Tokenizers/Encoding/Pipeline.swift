/// What a text goes through on its way to token ids, in this order.
struct Pipeline: Sendable {
  /// Found in the text as it is.
  let rawTokens: AddedTokenMatcher
  /// Applied to what lies between.
  let normalizers: [Normalizer]
  /// Found in the normalized text.
  let normalizedTokens: AddedTokenMatcher
  let preTokenizers: [PreTokenizer]
  let model: BytePairModel
  /// Applied one after the other to the ids of the whole text, where that is asked for.
  let postProcessors: [PostProcessor]
}
