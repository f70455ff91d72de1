import Kernels
import Testing
import Tokenizers

/// What is wrong with a GGUF file's vocabulary is told in one sentence that names the file.
struct GGUFVocabularyErrorTests {
  private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  private func expectError(
    _ vocabulary: GGUFVocabulary, _ kind: TokenizerError.Kind, _ parts: String...,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let error = #expect(throws: TokenizerError.self, sourceLocation: sourceLocation) {
      try Tokenizer(vocabulary)
    }
    guard let error else { return }
    #expect(error.kind == kind, sourceLocation: sourceLocation)
    for part in ["model.gguf: "] + parts {
      #expect(error.description.contains(part), "\(error)", sourceLocation: sourceLocation)
    }
  }

  private func byteLevel(_ change: (inout GGUFVocabulary) -> Void) throws -> GGUFVocabulary {
    var vocabulary = try GGUFVocabulary(family: "smollm-2", wordRule: "smollm")
    change(&vocabulary)
    return vocabulary
  }

  private func pieces(_ change: (inout GGUFVocabulary) -> Void) throws -> GGUFVocabulary {
    var vocabulary = GGUFVocabulary(try #require(PieceFixture().vocabularies["runs"]))
    change(&vocabulary)
    return vocabulary
  }

  @Test func anotherWayOutIsNamedWhereRingflashCannotReadTheFilesTokenizer() throws {
    let remedy = "with --tokenizer"
    expectError(GGUFVocabulary(path: "model.gguf"), .unsupported, "no tokenizer", remedy)
    expectError(try byteLevel { $0.tokens = [] }, .unsupported, "no tokenizer", remedy)
    for model in ["bert", "t5", "rwkv", "none"] {
      expectError(try byteLevel { $0.model = model }, .unsupported, "\"\(model)\"", remedy)
    }
    expectError(try byteLevel { $0.wordRule = "poro-chat" }, .unsupported, "\"poro-chat\"", remedy)
    expectError(try byteLevel { $0.wordRule = nil }, .unsupported, "tokenizer.ggml.pre", remedy)
  }

  @Test func listsThatDisagreeAreRefused() throws {
    expectError(try byteLevel { $0.types!.removeLast() }, .malformed, "token_type", "elements for")
    expectError(try byteLevel { $0.scores = [1] }, .malformed, "scores\" has 1 elements for")
    expectError(try byteLevel { $0.types![5] = 9 }, .malformed, "has 9 for token 5")
    expectError(try byteLevel { $0.types![5] = 0 }, .malformed, "has 0 for token 5")
    expectError(try pieces { $0.scores = nil }, .malformed, "scores\" is missing")
    expectError(try pieces { $0.scores![3] = .nan }, .malformed, "score of token 3")
    expectError(try byteLevel { $0.merges = nil }, .malformed, "merges\" is missing")
  }

  @Test func tokensThatCannotBeAreRefused() throws {
    expectError(try byteLevel { $0.tokens[300] = [] }, .malformed, "token 300 is empty")
    expectError(try byteLevel { $0.tokens[300] = [0xf0, 0x9f] }, .malformed, "300 is not UTF-8")
    expectError(try pieces { $0.tokens[899] = [0xf0] }, .malformed, "899 is not UTF-8")
    expectError(
      try byteLevel { $0.tokens[300] = $0.tokens[299] }, .malformed, "tokens 299 and 300 are both")
  }

  @Test func idsOutOfRangeAreRefused() throws {
    expectError(
      try byteLevel { $0.beginningToken = $0.tokens.count }, .malformed, "bos_token_id\" is")
    expectError(try byteLevel { $0.endToken = -1 }, .malformed, "eos_token_id\" is -1")
    expectError(
      try pieces { $0.unknownToken = 1 << 40 }, .malformed, "unknown_token_id", "0 to 899")
    expectError(try byteLevel { $0.addsBeginning = true }, .malformed, "bos_token_id\" is missing")
    expectError(try byteLevel { $0.addsEnd = true }, .malformed, "eos_token_id\" is missing")
  }

  @Test func mergesThatAreNoneAreRefused() throws {
    for line in ["", "ab", " a", "a ", "a b c", " "] {
      expectError(
        try byteLevel { $0.merges![1] = bytes(line) }, .malformed,
        "merge 1 of \"tokenizer.ggml.merges\"")
    }
    expectError(
      try byteLevel { $0.merges![2] = bytes("a \u{120}\u{120}zyx") }, .malformed, "merge 2",
      "the vocabulary lacks")
    expectError(try byteLevel { $0.merges![2] = [0x61, 0x20, 0xff] }, .malformed, "merge 2")
  }

  /// Whatever bytes a file has, the answer is a tokenizer or an error.
  @Test func damagedVocabulariesEndInAnErrorOrATokenizer() throws {
    var generator = SplitMix64(seed: 3)
    for vocabulary in [try byteLevel { _ in }, try pieces { _ in }] {
      for _ in 0..<30 {
        var damaged = vocabulary
        for _ in 0..<5 {
          let id = Int.random(in: 0..<damaged.tokens.count, using: &generator)
          damaged.tokens[id] = (0..<Int.random(in: 0...4, using: &generator)).map { _ in
            .random(in: 0...255, using: &generator)
          }
          damaged.types![id] = .random(in: 0...7, using: &generator)
          damaged.scores?[id] = [.infinity, -.infinity, 0, .nan].randomElement(using: &generator)!
        }
        do {
          let tokenizer = try Tokenizer(damaged)
          let ids = try tokenizer.encode("Hello  <h1>\n\n world".utf8, addingSpecialTokens: true)
          _ = tokenizer.decode(ids, skippingSpecialTokens: false)
        } catch is TokenizerError {
        }
      }
    }
  }
}
