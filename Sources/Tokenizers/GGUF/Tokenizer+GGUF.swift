extension Tokenizer {
  /// The tokenizer of a GGUF file, equal to that of the `tokenizer.json` which the model was
  /// published with, as far as the file's values say it.
  ///
  /// Throws `TokenizerError`: `malformed` where the values contradict each other, and `unsupported`,
  /// naming it, for a kind of tokenizer or a rule for words that is not known.
  public convenience init(_ vocabulary: GGUFVocabulary) throws {
    guard let model = vocabulary.model, !vocabulary.tokens.isEmpty else {
      throw vocabulary.unsupported("there is no tokenizer in the file")
    }
    switch model {
    case "gpt2": try self.init(byteLevel: vocabulary)
    case "llama": try self.init(sentencePiece: vocabulary)
    case "gemma4": try self.init(wholeText: vocabulary)
    default:
      throw vocabulary.unsupported(
        "ringflash does not support the file's kind of tokenizer, \"\(model)\"")
    }
  }

  private convenience init(byteLevel file: GGUFVocabulary) throws {
    guard let name = file.wordRule else {
      throw file.unsupported(
        "the file does not say how a text is cut into words (\"tokenizer.ggml.pre\")")
    }
    guard let rule = WordRule(named: name) else {
      throw file.unsupported(
        "ringflash does not know the rule \"\(name)\" (\"tokenizer.ggml.pre\") for cutting a text "
          + "into words")
    }
    let vocabulary = try CheckedVocabulary(file)
    try self.init(
      vocabulary,
      model: BytePairModel(
        .init(isByteLevel: true, ignoresMerges: rule.ignoresMerges), vocabulary.index,
        merges: vocabulary.merges(), path: file.path),
      normalizers: rule.normalizers, preTokenizers: rule.preTokenizers,
      addedTokens: vocabulary.addedTokens { _ in false },
      beginning: rule.addsBeginning ? .unlessSaid : .ifSaid,
      decodingSteps: [.byteLevel])
  }

  /// Gemma 4's: merges by rank as a byte-level vocabulary has them, of pieces as SentencePiece
  /// writes them. A text is one word.
  private convenience init(wholeText file: GGUFVocabulary) throws {
    let vocabulary = try CheckedVocabulary(file)
    // Files were published that say of themselves that a text has no beginning; the model wants it.
    try self.init(
      vocabulary, model: Self.pieces(of: vocabulary, merges: vocabulary.merges()),
      normalizers: [.replace(.literal([0x20]), by: Self.space)], preTokenizers: [],
      addedTokens: vocabulary.addedTokens { _ in false }, beginning: .always,
      decodingSteps: Self.decodingOfPieces)
  }

  /// How pieces write a space.
  private static let space = Array("\u{2581}".utf8)
  private static let decodingOfPieces: [DecodingStep] = [
    .replace(.literal(space), by: [0x20]), .byteFallback, .fuse,
  ]

  private static func pieces(
    of vocabulary: CheckedVocabulary, merges: [Merge]
  ) throws -> BytePairModel {
    try BytePairModel(
      .init(
        isByteLevel: false, fallsBackToBytes: true,
        unknownToken: vocabulary.unknownToken.map { vocabulary.file.tokens[Int($0)] },
        fusesUnknown: true),
      vocabulary.index, merges: merges, path: vocabulary.file.path)
  }

  private convenience init(sentencePiece file: GGUFVocabulary) throws {
    let hasPrefix = file.addsSpacePrefix ?? true
    // Llama's own, which its files may leave out.
    let vocabulary = try CheckedVocabulary(file, defaults: (beginning: 1, end: 2, unknown: 0))
    // Mistral's later vocabularies, which have this token, were published with a space before the
    // text, the others with one behind every special token too.
    let isFirstOnly = vocabulary.index.identifier(of: "[INST]".utf8) != nil
    try self.init(
      vocabulary,
      model: Self.pieces(of: vocabulary, merges: PieceMerges(vocabulary).merges()),
      normalizers: (hasPrefix && !isFirstOnly ? [.prepend(Self.space)] : [])
        + [.replace(.literal([0x20]), by: Self.space)],
      preTokenizers: hasPrefix && isFirstOnly
        ? [.metaspace(replacement: Self.space, prepends: .first, splits: false)] : [],
      // Runs of spaces are written with U+2581, wherever a text stands.
      addedTokens: vocabulary.addedTokens { token in !hasPrefix || token.allSatisfy { $0 == 0x20 }
      },
      beginning: .unlessSaid,
      decodingSteps: Self.decodingOfPieces
        + (hasPrefix ? [.stripText(character: [0x20], start: 1, stop: 0)] : []))
  }

  private convenience init(
    _ vocabulary: CheckedVocabulary, model: BytePairModel, normalizers: [Normalizer],
    preTokenizers: [PreTokenizer], addedTokens: [AddedToken],
    beginning: CheckedVocabulary.Beginning, decodingSteps: [DecodingStep]
  ) throws {
    let addedTokens = try AddedTokens(
      addedTokens, vocabulary: vocabulary.index,
      // What stands before a text stands before no token that is looked for in it.
      normalizers: normalizers.filter { !$0.isPrefix }, path: vocabulary.file.path)
    self.init(
      pipeline: Pipeline(
        rawTokens: addedTokens.matcher(normalized: false), normalizers: normalizers,
        normalizedTokens: addedTokens.matcher(normalized: true), preTokenizers: preTokenizers,
        model: model,
        postProcessors: try vocabulary.postProcessors(beginning)),
      vocabulary: vocabulary.index, addedTokens: addedTokens, decodingSteps: decodingSteps)
  }
}
