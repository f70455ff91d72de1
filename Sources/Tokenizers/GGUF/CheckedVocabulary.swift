/// The tokens of a GGUF file, found to agree with each other.
struct CheckedVocabulary {
  let file: GGUFVocabulary
  /// One for each token.
  let types: [GGUFVocabulary.TokenType]
  /// Every token but the unused ones.
  let index: TokenIndex
  let beginningToken: Int32?
  let endToken: Int32?
  let unknownToken: Int32?

  /// - Parameter defaults: the ids of the tokens that begin and end a text and of the unknown one
  ///   where the file does not say them.
  /// - Throws: `TokenizerError.malformed` for tokens that are not there, empty, not UTF-8 or given
  ///   twice, for lists of other lengths, and for ids out of range.
  init(
    _ file: GGUFVocabulary, defaults: (beginning: Int?, end: Int?, unknown: Int?) = (nil, nil, nil)
  ) throws {
    self.file = file
    beginningToken = try Self.checked(
      file.beginningToken, "bos_token_id", file, default: defaults.beginning)
    endToken = try Self.checked(file.endToken, "eos_token_id", file, default: defaults.end)
    unknownToken = try Self.checked(
      file.unknownToken, "unknown_token_id", file, default: defaults.unknown)
    types = try Self.types(of: file, special: [beginningToken, endToken, unknownToken])
    index = try Self.index(of: file, types)
  }

  private static func checked(
    _ id: Int?, _ key: String, _ file: GGUFVocabulary, default defaultID: Int?
  ) throws -> Int32? {
    guard let id else {
      return defaultID.flatMap { file.tokens.indices.contains($0) ? Int32($0) : nil }
    }
    guard file.tokens.indices.contains(id) else {
      throw file.malformed(
        "\"tokenizer.ggml.\(key)\" is \(id), but the tokens go from 0 to \(file.tokens.count - 1)")
    }
    return Int32(id)
  }

  /// - Parameter special: tokens that are signs for the model, should the file have no types.
  private static func types(
    of file: GGUFVocabulary, special: [Int32?]
  ) throws -> [GGUFVocabulary.TokenType] {
    for (key, count) in [("token_type", file.types?.count), ("scores", file.scores?.count)] {
      guard let count, count != file.tokens.count else { continue }
      throw file.malformed(
        "\"tokenizer.ggml.\(key)\" has \(count) elements for \(file.tokens.count) tokens")
    }
    guard let numbers = file.types else {
      var types = [GGUFVocabulary.TokenType](repeating: .normal, count: file.tokens.count)
      for id in special.compactMap({ $0 }) { types[Int(id)] = .control }
      return types
    }
    return try numbers.enumerated().map { id, number in
      guard let type = GGUFVocabulary.TokenType(rawValue: number) else {
        throw file.malformed(
          "\"tokenizer.ggml.token_type\" has \(number) for token \(id), but 1 to 6 are expected")
      }
      return type
    }
  }

  private static func index(
    of file: GGUFVocabulary, _ types: [GGUFVocabulary.TokenType]
  ) throws -> TokenIndex {
    guard file.tokens.count <= Int(Tokenizer.highestIdentifier) + 1 else {
      throw file.malformed(
        "there are \(file.tokens.count) tokens, but at most \(Tokenizer.highestIdentifier + 1) are "
          + "supported")
    }
    var index = TokenIndex(count: file.tokens.count)
    for (id, token) in file.tokens.enumerated() where types[id] != .unused {
      if token.isEmpty { throw file.malformed("token \(id) is empty") }
      try token.withUnsafeBufferPointer { bytes in
        guard UTF8Scan.firstInvalidByte(in: bytes) == nil else {
          throw file.malformed("token \(id) is not UTF-8")
        }
        guard index.insert(bytes, id: Int32(id)) == nil else {
          throw file.malformed(
            "tokens \(index.identifier(of: bytes) ?? 0) and \(id) are both "
              + "\"\(String(decoding: bytes, as: UTF8.self))\"")
        }
      }
    }
    return index
  }

  /// Throws `TokenizerError.malformed` where there are none, and as `MergeReader`.
  func merges() throws -> [Merge] {
    let key = "tokenizer.ggml.merges"
    guard let lines = file.merges else { throw file.malformed("\"\(key)\" is missing") }
    return try MergeReader(index, path: file.path, key: key).merges(lines: lines)
  }

  /// Whether the token that begins a text stands before one.
  enum Beginning {
    /// Unless the file says that it does not, or only if it says so.
    case unlessSaid, ifSaid
    /// Whatever the file says.
    case always
  }

  /// What stands around a text: the token that begins one, and, as far as the file wants it, the
  /// token that ends one.
  func postProcessors(_ beginning: Beginning) throws -> [PostProcessor] {
    let begins =
      switch beginning {
      case .unlessSaid: file.addsBeginning ?? true
      case .ifSaid: file.addsBeginning ?? false
      case .always: true
      }
    func tokens(_ adds: Bool, _ id: Int32?, _ key: String) throws -> [PostProcessor.Piece] {
      guard adds else { return [] }
      guard let id else {
        throw file.malformed("\"tokenizer.ggml.\(key)\" is missing, though texts are to have it")
      }
      return [.tokens([id])]
    }
    let before = try tokens(begins, beginningToken, "bos_token_id")
    let behind = try tokens(file.addsEnd ?? false, endToken, "eos_token_id")
    return before.isEmpty && behind.isEmpty
      ? [] : [PostProcessor(pieces: before + [.text] + behind)]
  }

  /// The tokens that are looked for in a text before the model sees it.
  ///
  /// - Parameter isNormalized: whether a user-defined token is looked for in the normalized text.
  func addedTokens(isNormalized: ([UInt8]) -> Bool) -> [AddedToken] {
    types.indices.compactMap { id in
      let type = types[id]
      guard type == .control || type == .unknown || type == .userDefined else { return nil }
      let content = String(decoding: file.tokens[id], as: UTF8.self)
      let (before, behind) = spaceTaken(by: content)
      return AddedToken(
        id: Int32(id), content: content, isSingleWord: false, takesSpaceBefore: before,
        takesSpaceBehind: behind,
        isNormalized: type == .userDefined && isNormalized(file.tokens[id]),
        isSpecial: type != .userDefined)
    }
  }

  /// Whether an added token takes the white space before it, and behind it.
  private func spaceTaken(by content: String) -> (before: Bool, behind: Bool) {
    guard file.architecture == "phi3" else { return (false, false) }
    // Phi-4; Phi-3 and Phi-4-mini have other vocabularies.
    if file.wordRule == "dbrx" { return (true, true) }
    return (false, !["<unk>", "<s>", "<|endoftext|>", "<|endofprompt|>"].contains(content))
  }
}
