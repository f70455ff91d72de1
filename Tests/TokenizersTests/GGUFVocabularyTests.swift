import Foundation
import Testing
import Tokenizers

/// Tokenizers from what a GGUF file says, against those of the `tokenizer.json` with the same
/// vocabulary, and against SentencePiece.
struct GGUFVocabularyTests {
  private static let expectation = Result { try FamilyExpectation() }
  private static let pieces = Result { try PieceFixture() }

  private static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  // MARK: Byte-level vocabularies

  @Test(arguments: [
    ("llama-3", "llama-bpe"), ("qwen-2", "qwen2"), ("smollm-2", "smollm"),
    ("mistral-nemo", "tekken"),
  ])
  func aByteLevelVocabularyGivesTheIdsOfItsTokenizerFile(family: String, rule: String) throws {
    let all = try Self.expectation.get()
    let expected = try #require(all.families[family])
    var vocabulary = try GGUFVocabulary(family: family, wordRule: rule)
    vocabulary.beginningToken = 0
    let tokenizer = try Tokenizer(vocabulary)
    for (index, text) in all.texts.enumerated() {
      #expect(try tokenizer.encode(text.utf8) == expected.ids[index], "\(text.debugDescription)")
      for (isSkipping, decoded) in [
        (false, expected.decoded[index]), (true, expected.decodedWithoutSpecial[index]),
      ] {
        #expect(
          tokenizer.decode(expected.ids[index], skippingSpecialTokens: isSkipping).utf8
            .elementsEqual(decoded.utf8), "\(text.debugDescription)")
      }
    }
    for (seed, chunk) in expected.chunks.prefix(2).enumerated() {
      let ids = try tokenizer.encode(all.chunk(seed: UInt64(seed)))
      #expect(FamilyExpectation.fnv(ids.lazy.map { UInt64($0) }) == chunk.idsHash, "chunk \(seed)")
    }
  }

  /// Gemma 4's files have the pieces and merges that its tokenizer.json has, and may say of themselves
  /// that a text has no beginning.
  @Test(arguments: [nil, false, true] as [Bool?])
  func aVocabularyOfMergedPiecesGivesTheIdsOfItsTokenizerFile(addsBeginning: Bool?) throws {
    let all = try Self.expectation.get()
    let expected = try #require(all.families["gemma-2"])
    var vocabulary = try GGUFVocabulary(family: "gemma-2", wordRule: "gemma4")
    vocabulary.model = "gemma4"
    func identifier(_ token: String) throws -> Int {
      try #require(vocabulary.tokens.firstIndex(of: Self.bytes(token)))
    }
    vocabulary.beginningToken = try identifier("<bos>")
    vocabulary.unknownToken = try identifier("<unk>")
    vocabulary.addsBeginning = addsBeginning
    vocabulary.addsSpacePrefix = false
    let tokenizer = try Tokenizer(vocabulary)
    for (index, text) in all.texts.enumerated() {
      #expect(try tokenizer.encode(text.utf8) == expected.ids[index], "\(text.debugDescription)")
      #expect(
        tokenizer.decode(expected.ids[index], skippingSpecialTokens: false).utf8
          .elementsEqual(expected.decoded[index].utf8), "\(text.debugDescription)")
    }
    #expect(
      try tokenizer.encode("a".utf8, addingSpecialTokens: true)
        == [Int32(vocabulary.beginningToken!)] + tokenizer.encode("a".utf8))
    vocabulary.merges = nil
    #expect(throws: TokenizerError.self) { try Tokenizer(vocabulary) }
  }

  @Test func phisAddedTokensTakeTheSpaceAroundThem() throws {
    let all = try Self.expectation.get()
    let expected = try #require(all.families["phi-4"])
    var vocabulary = try GGUFVocabulary(family: "phi-4", wordRule: "dbrx")
    vocabulary.architecture = "phi3"
    let tokenizer = try Tokenizer(vocabulary)
    // The fixture has a token that is found as a whole word only, which no GGUF file can say.
    for (text, ids) in zip(all.texts, expected.ids) where !text.contains("word") {
      #expect(try tokenizer.encode(text.utf8) == ids, "\(text.debugDescription)")
    }
    vocabulary.architecture = "llama"
    let text = "a <|im_end|> b"
    #expect(try tokenizer.encode(text.utf8) != Tokenizer(vocabulary).encode(text.utf8))
  }

  /// The words of a text by the rule of that name. Everything that stands together in the text is a
  /// token, so that a word is always one.
  private static func words(_ rule: String, _ text: String) throws -> [String] {
    let characters = text.utf8.map { byte in
      // The byte-level alphabet writes the two as U+0120 and U+010A.
      byte == 0x20 || byte == 0x0a
        ? String(Unicode.Scalar(0x100 + UInt32(byte))!) : String(Unicode.Scalar(byte))
    }
    var vocabulary = GGUFVocabulary(path: "model.gguf")
    vocabulary.model = "gpt2"
    vocabulary.wordRule = rule
    vocabulary.addsBeginning = false
    var merges: [String] = []
    var tokens: [String] = []
    for length in 1...characters.count {
      for start in 0...(characters.count - length) {
        let part = characters[start..<(start + length)]
        if tokens.contains(part.joined()) { continue }
        tokens.append(part.joined())
        merges += part.indices.dropFirst().map { cut in
          "\(part[..<cut].joined()) \(part[cut...].joined())"
        }
      }
    }
    vocabulary.tokens = tokens.map(bytes)
    vocabulary.merges = merges.map(bytes)
    let tokenizer = try Tokenizer(vocabulary)
    return try tokenizer.encode(text.utf8).map {
      String(decoding: tokenizer.bytes(of: $0), as: UTF8.self)
    }
  }

  @Test func eachNameOfARuleCutsATextIntoItsWords() throws {
    let text = "we'LL 12345xY's.\n\n /a"
    let digits = ["1", "2", "3", "4", "5"]
    let expected: [([String], [String])] = [
      (["gpt-2", "phi-2"], ["we", "'", "LL", " 12345", "xY", "'s", ".", "\n\n", " /", "a"]),
      (
        ["smollm", "starcoder", "refact"],
        ["we", "'", "LL", " "] + digits + ["xY", "'s", ".", "\n\n", " /", "a"]
      ),
      (
        ["llama3", "llama-v3", "llama-bpe", "smaug-bpe", "falcon3", "dbrx"],
        ["we", "'LL", " ", "123", "45", "xY", "'s", ".\n\n", " /", "a"]
      ),
      (
        ["qwen2", "deepseek-r1-qwen"],
        ["we", "'LL", " "] + digits + ["xY", "'s", ".\n\n", " /", "a"]
      ),
      (["tekken"], ["we", "'LL", " "] + digits + ["x", "Y", "'s", ".\n\n", " /", "a"]),
      (["gpt-4o", "llama4"], ["we'LL", " ", "123", "45", "x", "Y's", ".\n\n", " /", "a"]),
      (
        ["default"],
        ["we", "'", "LL", " ", "123", "45", "xY", "'", "s", ".", "\n\n ", "/", "a"]
      ),
    ]
    for (names, words) in expected {
      for name in names { #expect(try Self.words(name, text) == words, "\(name)") }
    }
  }

  @Test func tokensStandAroundATextAsTheFileOrItsRuleWants() throws {
    func around(_ rule: String, _ change: (inout GGUFVocabulary) -> Void) throws -> [Int32] {
      var vocabulary = try GGUFVocabulary(family: "llama-3", wordRule: rule)
      (vocabulary.beginningToken, vocabulary.endToken) = (7, 9)
      change(&vocabulary)
      let tokenizer = try Tokenizer(vocabulary)
      let ids = try tokenizer.encode("a".utf8, addingSpecialTokens: true)
      #expect(try ids.filter { $0 != 7 && $0 != 9 } == tokenizer.encode("a".utf8))
      return ids.map { $0 == 7 || $0 == 9 ? $0 : 0 }
    }
    #expect(try around("llama-bpe") { _ in } == [7, 0])
    #expect(try around("llama-bpe") { $0.addsBeginning = false } == [0])
    #expect(try around("smaug-bpe") { _ in } == [0])
    #expect(try around("smaug-bpe") { $0.addsBeginning = true } == [7, 0])
    #expect(try around("llama-bpe") { $0.addsEnd = true } == [7, 0, 9])
    #expect(try around("qwen2") { $0.addsEnd = true } == [0, 9])
  }

  @Test func unusedIdsAreNoTokens() throws {
    var vocabulary = try GGUFVocabulary(family: "qwen-2", wordRule: "qwen2")
    let count = vocabulary.tokens.count
    vocabulary.tokens += [Self.bytes("[PAD9]"), []]
    vocabulary.types! += [5, 5]
    let tokenizer = try Tokenizer(vocabulary)
    #expect(tokenizer.vocabularySize == count)
    #expect(tokenizer.decode([Int32(count)], skippingSpecialTokens: false) == "")
    #expect(try !tokenizer.encode("[PAD9]".utf8).contains(Int32(count)))
  }

  // MARK: SentencePiece

  @Test(arguments: ["prefix", "runs", "unknown"])
  func piecesGiveSentencePiecesIds(name: String) throws {
    let fixture = try Self.pieces.get()
    let pieces = try #require(fixture.vocabularies[name])
    let tokenizer = try Tokenizer(GGUFVocabulary(pieces))
    for (index, text) in fixture.texts.enumerated() {
      let ids = try tokenizer.encode(text.utf8)
      #expect(ids.count == pieces.counts[index], "\(text.prefix(80).debugDescription)")
      #expect(
        FamilyExpectation.fnv(ids.lazy.map { UInt64($0) }) == pieces.hashes[index],
        "\(text.prefix(80).debugDescription)")
      // U+2581 is how a space is written, so that it cannot come back as itself.
      if name != "unknown", !text.contains("\u{2581}") {
        #expect(tokenizer.decode(ids, skippingSpecialTokens: false).utf8.elementsEqual(text.utf8))
      }
    }
  }

  @Test func specialTokensAreFoundInATextAndThePrefixStandsBehindThem() throws {
    var vocabulary = GGUFVocabulary(try #require(Self.pieces.get().vocabularies["prefix"]))
    let plain = try Tokenizer(vocabulary)
    let hello = try plain.encode("Hello".utf8)
    #expect(try plain.encode("Hello".utf8, addingSpecialTokens: true) == [1] + hello)
    #expect(try plain.encode("<begin>Hello<end>Hello".utf8) == [1] + hello + [2] + hello)
    #expect(try plain.encode("Hello".utf8, continuing: true) != hello)
    #expect(plain.isSpecial(1) && plain.isSpecial(0) && !plain.isSpecial(3))
    #expect(plain.identifier(of: "<end>") == 2)

    vocabulary.architecture = "phi3"
    #expect(try Tokenizer(vocabulary).encode("<end>\n\u{2004}Hello".utf8) == [2] + hello)
    vocabulary.architecture = nil

    // A vocabulary with Mistral's tokens: a prefix at the beginning of the text only.
    vocabulary.tokens.append(Self.bytes("[INST]"))
    vocabulary.types!.append(3)
    vocabulary.scores!.append(0)
    let mistral = try Tokenizer(vocabulary)
    let bare = try plain.encode("Hello".utf8, continuing: true)
    #expect(try mistral.encode("Hello".utf8) == hello)
    #expect(try mistral.encode("[INST]Hello".utf8) == [900] + bare)
    #expect(try mistral.encode("[INST] Hello".utf8) == [900] + hello)
    #expect(mistral.decode([900] + hello, skippingSpecialTokens: true) == "Hello")
  }

  /// Two pieces of one score where neither comes first by its id: the leftmost is merged.
  @Test(arguments: [1, 30]) func ofEqualScoresTheLeftmostIsMerged(repetitions: Int) throws {
    var vocabulary = GGUFVocabulary(path: "model.gguf")
    vocabulary.model = "llama"
    vocabulary.addsSpacePrefix = false
    vocabulary.addsBeginning = false
    vocabulary.tokens = ["<unk>", "a", "b", "c", "bc", "ab", ";"].map(Self.bytes)
    vocabulary.scores = [0, -2, -2, -2, -1, -1, -2]
    vocabulary.types = [2, 1, 1, 1, 1, 1, 1]
    let text = String(repeating: "abc;", count: repetitions)
    #expect(
      try Tokenizer(vocabulary).encode(text.utf8)
        == Array([[Int32]](repeating: [5, 3, 6], count: repetitions).joined()))
  }

  @Test func specialTokensHaveTheNamesThatTemplatesKnow() {
    var vocabulary = GGUFVocabulary(path: "model.gguf")
    vocabulary.tokens = ["<unk>", "<s>", "</s>"].map(Self.bytes)
    (vocabulary.beginningToken, vocabulary.endToken) = (1, 2)
    vocabulary.paddingToken = 7
    #expect(vocabulary.specialTokens == ["bos_token": "<s>", "eos_token": "</s>"])
  }
}
