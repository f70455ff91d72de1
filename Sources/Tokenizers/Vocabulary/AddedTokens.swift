import JSON

/// The tokens that a tokenizer file adds to those of its model.
struct AddedTokens: Sendable {
  let tokens: [AddedToken]
  /// For each id the token's text as decoders see it: normalized, where it is looked for in
  /// normalized text.
  private(set) var texts: [Int32: [UInt8]] = [:]
  private(set) var specialIdentifiers: Set<Int32> = []
  /// By content. `String` compares by canonical equivalence, so the keys are bytes.
  private var identifiers: [[UInt8]: Int32] = [:]

  /// The tokens that `file` lists. Throws `JSONError`, and `TokenizerError.malformed` for an id that
  /// is out of range.
  static func tokens(of file: JSONDocument) throws -> [AddedToken] {
    try (file.objectsIfPresent("added_tokens") ?? []).map { document in
      let content = try document.string("content")
      let id = try document.integer("id")
      let isSpecial = try document.booleanIfPresent("special") ?? false
      guard let id = Int32(exactly: id) else { throw refused(content, id, file.path) }
      return AddedToken(
        id: id, content: content,
        isSingleWord: try document.booleanIfPresent("single_word") ?? false,
        takesSpaceBefore: try document.booleanIfPresent("lstrip") ?? false,
        takesSpaceBehind: try document.booleanIfPresent("rstrip") ?? false,
        isNormalized: try document.booleanIfPresent("normalized") ?? !isSpecial,
        isSpecial: isSpecial)
    }
  }

  /// - Parameters:
  ///   - vocabulary: the model's tokens.
  ///   - normalizers: what is done to the tokens that are looked for in normalized text.
  ///   - path: the file, for messages.
  /// - Throws: `TokenizerError.malformed` for a token that is empty, out of range, or at odds with
  ///   another one.
  init(
    _ tokens: [AddedToken], vocabulary: TokenIndex, normalizers: [Normalizer], path: String
  ) throws {
    for token in tokens {
      let id = token.id
      let bytes = Array(token.content.utf8)
      // A token that the model has too must have the same id there; any other needs an id of its
      // own.
      guard (0...Tokenizer.highestIdentifier).contains(id), !bytes.isEmpty, texts[id] == nil,
        identifiers[bytes] == nil,
        vocabulary.identifier(of: bytes).map({ $0 == id }) ?? !vocabulary.contains(id)
      else { throw Self.refused(token.content, Int(id), path) }
      identifiers[bytes] = id
      texts[id] =
        token.isNormalized
        ? try bytes.withUnsafeBufferPointer { try Normalizer.normalized($0, normalizers) } ?? bytes
        : bytes
      // The reference knows special tokens by their text, which a normalizer may have changed.
      if token.isSpecial, texts[id] == bytes { specialIdentifiers.insert(id) }
    }
    self.tokens = tokens
  }

  private static func refused(_ content: String, _ id: Int, _ path: String) -> TokenizerError {
    TokenizerError(
      .malformed,
      "\(path): the added token \"\(content)\" is empty or given twice, or its id \(id) is out of "
        + "range or another token's; fetch the file again")
  }

  func identifier(of content: String) -> Int32? {
    identifiers[Array(content.utf8)]
  }

  /// The matcher of the tokens that are looked for in normalized text, or of the others.
  func matcher(normalized: Bool) -> AddedTokenMatcher {
    AddedTokenMatcher(
      tokens.filter { $0.isNormalized == normalized && !texts[$0.id]!.isEmpty }
        .map { ($0, texts[$0.id]!) })
  }
}
