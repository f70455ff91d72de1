import Foundation
import JSON

extension BytePairModel {
  /// Reads the model of a tokenizer file, and its vocabulary.
  ///
  /// Throws `TokenizerError`: `unsupported` for another type of model and for options that are not
  /// known, `malformed` for a vocabulary or merges that contradict themselves; and `JSONError`.
  static func read(
    _ file: JSONDocument, isByteLevel: Bool
  ) throws -> (model: BytePairModel, vocabulary: TokenIndex) {
    let document = try file.object("model")
    try checkOptions(document)
    let vocabulary = try vocabulary(document)
    let options = Options(
      isByteLevel: isByteLevel,
      fallsBackToBytes: try document.booleanIfPresent("byte_fallback") ?? false,
      unknownToken: try document.stringIfPresent("unk_token").map { Array($0.utf8) },
      fusesUnknown: try document.booleanIfPresent("fuse_unk") ?? false,
      ignoresMerges: try document.booleanIfPresent("ignore_merges") ?? false)
    let model = try BytePairModel(
      options, vocabulary, merges: MergeReader.merges(document, vocabulary), path: file.path)
    return (model, vocabulary)
  }

  /// What a model has besides its vocabulary and its merges.
  struct Options {
    let isByteLevel: Bool
    /// Whether characters without a token are the tokens of their bytes.
    var fallsBackToBytes = false
    /// Stands for characters that have no tokens at all; nil to leave them out.
    var unknownToken: [UInt8]?
    var fusesUnknown = false
    /// Whether a word that is a token is that token, whatever the merges say.
    var ignoresMerges = false
  }

  /// - Parameter path: the file, for messages.
  /// - Throws: `TokenizerError.malformed` where the vocabulary lacks the unknown token.
  init(_ options: Options, _ vocabulary: TokenIndex, merges: [Merge], path: String) throws {
    let isByteLevel = options.isByteLevel
    let byteTokens: [Int32] =
      options.fallsBackToBytes
      ? (UInt8.min...UInt8.max).map { byte in
        let digits = String(byte, radix: 16, uppercase: true)
        return vocabulary.identifier(of: "<0x\(byte < 16 ? "0" : "")\(digits)>".utf8) ?? -1
      } : []
    let firstTokens = Self.firstTokens(vocabulary, isByteLevel: isByteLevel)

    let hasAllBytes =
      isByteLevel
      ? (0..<256).allSatisfy { firstTokens[$0] >= 0 }
      : !byteTokens.isEmpty && byteTokens.allSatisfy { $0 >= 0 }
    var unknownToken: Int32 = -1
    if let name = options.unknownToken, !hasAllBytes {
      guard let id = vocabulary.identifier(of: name) else {
        throw TokenizerError(
          .malformed,
          "\(path): the model's unk_token \"\(String(decoding: name, as: UTF8.self))\" is not in its "
            + "vocabulary; fetch the file again")
      }
      unknownToken = id
    }

    // Tokens that stand for other text than their own.
    var specialParts = Set(byteTokens.filter { $0 >= 0 })
    if unknownToken >= 0 { specialParts.insert(unknownToken) }
    var table = MergeTable(count: merges.count)
    let joins = JoinTable(isByteLevel: isByteLevel)
    var hasSpecialParts = false
    var noted: Int32 = -1
    for merge in merges {
      table.insert(merge)
      if specialParts.contains(merge.left) || specialParts.contains(merge.right) {
        hasSpecialParts = true
      }
      // Often several in a row make one token.
      if merge.token == noted { continue }
      noted = merge.token
      let merged = vocabulary.bytes(of: merge.token)!
      if !isByteLevel {
        joins.insert(merged)
      } else if let bytes = ByteLevel.bytes(ofToken: merged) {
        joins.insert(bytes)
      }
    }
    let wholeWords =
      options.ignoresMerges
      ? Self.wholeWords(vocabulary, isByteLevel: isByteLevel) : (TokenIndex(count: 0), 0)
    self.init(
      isByteLevel: isByteLevel, merges: table, joins: joins,
      // Where unknown characters in a row are one token, or a token's text is not what stands in
      // the word, places that no merge bridges are no places to cut.
      canCut: unknownToken < 0 && !hasSpecialParts,
      firstTokens: firstTokens, characterTokens: Self.characterTokens(vocabulary, isByteLevel),
      byteTokens: byteTokens, unknownToken: unknownToken, fusesUnknown: options.fusesUnknown,
      wholeWords: wholeWords.0, longestWholeWord: wholeWords.1)
  }

  private static func checkOptions(_ document: JSONDocument) throws {
    // Files of the first years leave the type of a BPE model out.
    let type = try document.stringIfPresent("type") ?? "BPE"
    func unsupported(_ what: String) -> TokenizerError {
      TokenizerError(
        .unsupported,
        "\(document.path): the model is \(what), which ringflash does not support; use a model with "
          + "a BPE tokenizer, or pass token ids")
    }
    guard type == "BPE" else { throw unsupported(type) }
    if let dropout = try document.numberIfPresent("dropout"), dropout != 0 {
      throw unsupported("BPE with dropout")
    }
    for option in ["continuing_subword_prefix", "end_of_word_suffix"] {
      if let affix = try document.stringIfPresent(option), !affix.isEmpty {
        throw unsupported("BPE with \(option)")
      }
    }
  }

  private static func vocabulary(_ document: JSONDocument) throws -> TokenIndex {
    let object = try document.object("vocab").object
    var vocabulary = TokenIndex(count: object.members.count)
    for member in object.members {
      var token = member.key
      guard case .integer(let id) = member.value,
        (0...Int(Tokenizer.highestIdentifier)).contains(id)
      else {
        throw TokenizerError(
          .malformed,
          "\(document.path): the token \"\(token)\" of the model's vocab has \(member.value.summary) "
            + "as its id, but an integer from 0 to \(Tokenizer.highestIdentifier) is expected; fetch "
            + "the file again")
      }
      if token.withUTF8({ vocabulary.insert($0, id: Int32(id)) }) != nil {
        throw TokenizerError(
          .malformed,
          "\(document.path): the id \(id) of the token \"\(token)\" is given twice; fetch the file "
            + "again")
      }
    }
    return vocabulary
  }

  private static func firstTokens(
    _ vocabulary: TokenIndex, isByteLevel: Bool
  ) -> FixedBuffer<Int32> {
    let tokens = FixedBuffer<Int32>(repeating: -1, count: 256)
    for byte in 0..<(isByteLevel ? 256 : 128) {
      let character = isByteLevel ? ByteLevel.characters[byte] : Unicode.Scalar(UInt8(byte))
      tokens[byte] = vocabulary.identifier(of: String(character).utf8) ?? -1
    }
    return tokens
  }

  private static func characterTokens(
    _ vocabulary: TokenIndex, _ isByteLevel: Bool
  ) -> CharacterTable {
    var characters: [(ArraySlice<UInt8>, Int32)] = []
    if !isByteLevel {
      vocabulary.forEachToken { token, id in
        if token.count > 1, token.count == UTF8Scan.length(ofValidLead: token.first!) {
          characters.append((token, id))
        }
      }
    }
    return CharacterTable(characters)
  }

  /// The tokens that `ignore_merges` makes of whole words, and the length of the longest.
  private static func wholeWords(
    _ vocabulary: TokenIndex, isByteLevel: Bool
  ) -> (TokenIndex, Int) {
    var words = TokenIndex(count: vocabulary.count)
    var longest = 0
    vocabulary.forEachToken { token, id in
      let word = isByteLevel ? ByteLevel.bytes(ofToken: token) : Array(token)
      guard let word else { return }
      _ = word.withUnsafeBufferPointer { words.insert($0, id: id) }
      longest = max(longest, word.count)
    }
    return (words, longest)
  }
}
