import Foundation

extension Tokenizer {
  /// Reads a Hugging Face `tokenizer.json` of a byte-level BPE without regular expressions.
  ///
  /// Throws `TokenizerError`: `notFound`, `unreadable`, `malformed` where the file breaks the
  /// format, and `unsupported`, naming the component, where it asks for one that is not known.
  public convenience init(contentsOf path: String) throws {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
      throw TokenizerError(.notFound, "\(path): there is no such tokenizer file; check the path")
    }
    if isDirectory.boolValue {
      throw TokenizerError(.notFound, "\(path): is a directory; name a tokenizer.json")
    }
    let json: Data
    do {
      json = try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw TokenizerError(
        .unreadable,
        "\(path): cannot be read (\(error.localizedDescription)); check its permissions")
    }
    try self.init(json: json, path: path)
  }

  /// Reads the contents of a `tokenizer.json`; `path` names their origin in messages. Throws as
  /// `init(contentsOf:)`.
  public convenience init(json: Data, path: String) throws {
    let file: TokenizerFile
    do {
      file = try JSONDecoder().decode(TokenizerFile.self, from: json)
    } catch let error as DecodingError {
      throw TokenizerError(
        .malformed, "\(path): malformed tokenizer: \(error.sentence); fetch the file again")
    }
    try Self.checkPipeline(file, path: path)
    let model: TokenizerFile.BytePairModel
    switch file.model {
    case .bytePairs(let bytePairs): model = bytePairs
    case .other(let type): throw Self.unsupported(path, "the model", type)
    }

    var vocabulary = Vocabulary()
    let encoder = try Self.bytePairEncoder(model, vocabulary: &vocabulary, path: path)
    let matchers = try Self.addedTokenMatchers(
      file.addedTokens ?? [], model: model, vocabulary: &vocabulary, path: path)
    self.init(vocabulary: vocabulary, addedTokens: matchers, model: encoder)
  }

  private static func unsupported(
    _ path: String, _ component: String, _ what: String
  ) -> TokenizerError {
    TokenizerError(
      .unsupported,
      "\(path): \(component) is \(what), which ringflash does not support; use a model with a "
        + "byte-level BPE tokenizer, or pass token ids")
  }

  /// Throws unless all that surrounds the model is the byte-level mapping.
  private static func checkPipeline(_ file: TokenizerFile, path: String) throws {
    if let normalizer = file.normalizer?.flattened.first {
      throw unsupported(path, "the normalizer", normalizer.type)
    }
    let parts = [
      ("the pre-tokenizer", file.preTokenizer), ("the decoder", file.decoder),
      ("the post-processor", file.postProcessor),
    ]
    for (name, component) in parts {
      for part in component?.flattened ?? [] where part.type != "ByteLevel" {
        throw unsupported(path, name, part.type)
      }
    }
    // Once each: twice would map the mapped bytes again, and without it characters would be tokens.
    for (name, component) in parts.prefix(2) {
      let count = component?.flattened.count ?? 0
      if count != 1 { throw unsupported(path, name, count == 0 ? "empty" : "ByteLevel, repeated") }
    }
    let preTokenizer = file.preTokenizer!.flattened[0]
    if preTokenizer.useRegex != false {
      throw unsupported(path, "the pre-tokenizer", "ByteLevel with use_regex")
    }
    if preTokenizer.addPrefixSpace != false {
      throw unsupported(path, "the pre-tokenizer", "ByteLevel with add_prefix_space")
    }
  }

  /// The BPE model; its tokens are put into `vocabulary`.
  private static func bytePairEncoder(
    _ model: TokenizerFile.BytePairModel, vocabulary: inout Vocabulary, path: String
  ) throws -> BytePairEncoder {
    if let dropout = model.dropout, dropout > 0 {
      throw unsupported(path, "the model", "BPE with dropout")
    }
    if let prefix = model.continuingSubwordPrefix, !prefix.isEmpty {
      throw unsupported(path, "the model", "BPE with continuing_subword_prefix")
    }
    if let suffix = model.endOfWordSuffix, !suffix.isEmpty {
      throw unsupported(path, "the model", "BPE with end_of_word_suffix")
    }
    if model.byteFallback {
      throw unsupported(path, "the model", "BPE with byte_fallback")
    }

    var wholeWords: [[UInt8]: Int32] = [:]
    for (token, id) in model.vocabulary {
      let bytes = ByteLevel.bytes(ofToken: token)
      guard vocabulary.insert(bytes ?? Array(token.utf8), id: id) else {
        throw TokenizerError(
          .malformed,
          "\(path): the id \(id) of the token \"\(token)\" is out of range or given twice; "
            + "fetch the file again"
        )
      }
      if model.ignoreMerges, let bytes { wholeWords[bytes] = id }
    }

    func identifier(_ token: String, _ rank: Int) throws -> Int32 {
      if let id = model.vocabulary[token] { return id }
      throw TokenizerError(
        .malformed,
        "\(path): merge \(rank) needs the token \"\(token)\", which the vocabulary lacks; fetch "
          + "the file again"
      )
    }
    var merges = MergeTable(count: model.merges.count)
    for (rank, merge) in model.merges.enumerated() {
      merges.insert(
        try identifier(merge.left, rank), try identifier(merge.right, rank),
        .init(rank: UInt32(rank), id: try identifier(merge.left + merge.right, rank)))
    }
    return BytePairEncoder(
      byteIdentifiers: ByteLevel.characters.map { model.vocabulary[String($0)] ?? -1 },
      merges: merges, wholeWords: wholeWords)
  }

  /// The matchers of the added tokens, which are put into `vocabulary`.
  private static func addedTokenMatchers(
    _ tokens: [TokenizerFile.AddedToken], model: TokenizerFile.BytePairModel,
    vocabulary: inout Vocabulary, path: String
  ) throws -> [AddedTokenMatcher] {
    for token in tokens {
      for (option, isSet) in [
        ("single_word", token.singleWord), ("lstrip", token.lstrip), ("rstrip", token.rstrip),
      ] where isSet == true {
        throw unsupported(path, "the added token \"\(token.content)\"", "a token with \(option)")
      }
      // A token that the model has too must have the same id there; any other needs an id of its
      // own.
      let isFree =
        if let id = model.vocabulary[token.content] {
          id == token.id
        } else {
          vocabulary.insert([], id: token.id)
        }
      guard isFree, !token.content.isEmpty else {
        throw TokenizerError(
          .malformed,
          "\(path): the added token \"\(token.content)\" is empty, or its id \(token.id) is out "
            + "of range or another token's; fetch the file again")
      }
      vocabulary.markAdded(token.content, id: token.id, isSpecial: token.special ?? false)
    }
    // Tokens that are to be found in the raw text go before those that are to be found in the
    // normalized one.
    return [false, true].map { normalized in
      AddedTokenMatcher(
        tokens.filter { ($0.normalized ?? !($0.special ?? false)) == normalized }
          .map { ($0.content, $0.id) })
    }
  }
}

extension DecodingError {
  /// What could not be decoded, and where in the file.
  fileprivate var sentence: String {
    let context: Context
    switch self {
    case .typeMismatch(_, let given), .valueNotFound(_, let given), .keyNotFound(_, let given),
      .dataCorrupted(let given):
      context = given
    @unknown default:
      return "\(self)"
    }
    let key = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }
      .joined(separator: ".")
    // Foundation says no more of broken JSON, nor of a number that does not fit.
    if key.isEmpty, case .dataCorrupted = self {
      return "it is not valid JSON, or a number in it is not an integer in range"
    }
    let place = key.isEmpty ? "" : "\"\(key)\": "
    let description = context.debugDescription
    return place + (description.last == "." ? String(description.dropLast()) : description)
  }
}
