import Files
import Foundation
import Kernels
import TestSupport
import Testing
import Tokenizers

/// Files that are refused, and what the message names.
struct TokenizerFileErrorTests {
  private func expectError(
    _ kind: TokenizerError.Kind, naming words: [String], _ json: Data,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let error = #expect(throws: TokenizerError.self, "\(words)", sourceLocation: sourceLocation) {
      try Tokenizer(json: json, path: "some/tokenizer.json")
    }
    #expect(error?.kind == kind, "\(words): \(error as Any)", sourceLocation: sourceLocation)
    for word in words + ["some/tokenizer.json"] {
      #expect(
        error?.description.contains(word) == true, "\(word): \(error as Any)",
        sourceLocation: sourceLocation)
    }
  }

  @Test func unknownComponentsAreNamedWithTheirType() throws {
    let byteLevel: [String: Any] = [
      "type": "ByteLevel", "add_prefix_space": false, "use_regex": false,
    ]
    let fused: [String: Any] = ["type": "Fuse"]
    func sequence(_ key: String, _ members: Any...) -> [String: Any] {
      ["type": "Sequence", key: members]
    }
    let split: [String: Any] = [
      "type": "Split", "pattern": ["String": " "], "behavior": "Removed", "invert": false,
    ]
    let expression: [String: Any] = [
      "type": "Replace", "pattern": ["Regex": "a+"], "content": "",
    ]
    let cases: [(key: String, value: Any, words: [String])] = [
      ("normalizer", ["type": "Nmt"], ["normalizer", "Nmt"]),
      (
        "normalizer", sequence("normalizers", ["type": "NFC"], ["type": "Precompiled"]),
        ["normalizer", "Precompiled"]
      ),
      ("pre_tokenizer", ["type": "BertPreTokenizer"], ["pre-tokenizer", "BertPreTokenizer"]),
      (
        "pre_tokenizer", sequence("pretokenizers", byteLevel, split),
        ["pre-tokenizer", "Split after ByteLevel"]
      ),
      (
        "pre_tokenizer", sequence("pretokenizers", byteLevel, byteLevel),
        ["pre-tokenizer", "ByteLevel after ByteLevel"]
      ),
      ("decoder", ["type": "WordPiece"], ["decoder", "WordPiece"]),
      (
        "decoder", sequence("decoders", fused, ["type": "ByteFallback"]),
        ["decoder", "ByteFallback after Fuse"]
      ),
      (
        "decoder", sequence("decoders", fused, ["type": "ByteLevel"]),
        ["decoder", "ByteLevel after Fuse"]
      ),
      (
        "decoder", sequence("decoders", fused, expression),
        ["decoder", "regular expression after Fuse"]
      ),
      ("post_processor", ["type": "Unheard"], ["post-processor", "Unheard"]),
      ("model", ["type": "Unigram", "vocab": [["a", 0.5]]], ["model", "Unigram"]),
      ("model", ["type": "WordPiece", "vocab": ["a": 0]], ["model", "WordPiece"]),
      ("model", ["type": "WordLevel", "vocab": ["a": 0]], ["model", "WordLevel"]),
    ]
    for (key, value, words) in cases {
      expectError(.unsupported, naming: words, try Fixture.json { $0[key] = value })
    }
  }

  @Test func optionsThatChangeTheTokensAreNamed() throws {
    let options: [(String, Any)] = [
      ("dropout", 0.1), ("continuing_subword_prefix", "##"), ("end_of_word_suffix", "</w>"),
    ]
    for (option, value) in options {
      expectError(
        .unsupported, naming: [option],
        try Fixture.json { update(&$0, "model") { $0[option] = value } })
    }
  }

  @Test func componentsThatContradictTheFormatAreMalformed() throws {
    let template: [String: Any] = [
      "type": "TemplateProcessing", "single": [["SpecialToken": ["id": "<s>", "type_id": 0]]],
      "pair": [] as [Any], "special_tokens": [:] as [String: Any],
    ]
    let cases: [(key: String, value: Any, words: [String])] = [
      ("normalizer", ["type": "Prepend"], ["prepend", "missing"]),
      ("normalizer", ["prepend": "x"], ["type", "missing"]),
      ("normalizer", "NFC", ["normalizer", "NFC"]),
      (
        "pre_tokenizer",
        ["type": "Split", "pattern": ["String": "x"], "behavior": "Torn", "invert": false],
        ["Split", "Torn"]
      ),
      ("pre_tokenizer", ["type": "Metaspace", "replacement": "ab"], ["Metaspace", "ab"]),
      (
        "pre_tokenizer",
        ["type": "Metaspace", "replacement": "_", "prepend_scheme": "last"], ["Metaspace", "last"]
      ),
      (
        "pre_tokenizer",
        [
          "type": "Metaspace", "replacement": "_", "prepend_scheme": "always",
          "add_prefix_space": false,
        ] as [String: Any], ["Metaspace", "add_prefix_space"]
      ),
      ("decoder", ["type": "Strip", "content": " ", "start": -1, "stop": 0], ["start", "-1"]),
      ("post_processor", template, ["<s>", "missing"]),
      ("post_processor", ["type": "RobertaProcessing", "sep": ["a"]], ["RobertaProcessing"]),
    ]
    for (key, value, words) in cases {
      expectError(.malformed, naming: words, try Fixture.json { $0[key] = value })
    }
  }

  @Test func expressionsThatDoNotCompileAreNamedWithPCRE2sMessage() throws {
    let cases: [(pattern: String, words: [String])] = [
      ("(a", ["missing closing parenthesis", "offset 2"]), ("[z-a]", ["range", "offset"]),
      (#"\p{Unheard}"#, ["Unheard", "offset"]), ("[a[b]]", ["a set within a set", "offset 2"]),
      ("[a&&b]", ["intersection", "offset 2"]), (#"\bword"#, [#"\b"#, "offset 0"]),
    ]
    for (pattern, words) in cases {
      let json = try Fixture.json { file in
        file["pre_tokenizer"] =
          [
            "type": "Split", "pattern": ["Regex": pattern], "behavior": "Isolated", "invert": false,
          ] as [String: Any]
      }
      expectError(.unsupported, naming: ["the pre-tokenizer", pattern] + words, json)
    }
  }

  @Test func anExpressionThatTakesForeverIsGivenUp() throws {
    let json = try Fixture.json { file in
      file["pre_tokenizer"] =
        [
          "type": "Split", "pattern": ["Regex": "(a+)+b"], "behavior": "Isolated", "invert": false,
        ] as [String: Any]
    }
    let tokenizer = try Tokenizer(json: json, path: "tokenizer.json")
    #expect(try !tokenizer.encode("aaab".utf8).isEmpty)
    let text = String(repeating: "a", count: 60) + "cb"
    let error = #expect(throws: TokenizerError.self) { try tokenizer.encode(text.utf8) }
    #expect(error?.kind == .unsupported)
    #expect(error?.description.contains("(a+)+b") == true)
    #expect(error?.description.contains("limit") == true)
  }

  @Test(arguments: ["llama-2", "mistral-nemo", "mixture", "gemma-2"])
  func aDamagedFileIsRefusedOrReadAndNeverEndsTheProgram(name: String) throws {
    let whole = try Data(contentsOf: URL(fileURLWithPath: Fixture.path("families/\(name).json")))
    // What stands around the vocabulary is where damage does more than change a token.
    let vocabulary = try #require(whole.range(of: Data("\"vocab\":{".utf8)))
    let interesting: [UInt8] = [0x22, 0x2c, 0x30, 0x39, 0x3a, 0x5b, 0x5c, 0x5d, 0x7b, 0x7d, 0x80]
    var generator = SplitMix64(seed: 9)
    var readCount = 0
    for _ in 0..<150 {
      var damaged = whole
      for _ in 0..<Int.random(in: 1...2, using: &generator) {
        let index = Int.random(in: 0..<vocabulary.upperBound, using: &generator)
        damaged[index] =
          Bool.random(using: &generator)
          ? interesting.randomElement(using: &generator)!
          : UInt8.random(in: 0x20...0x7e, using: &generator)
      }
      do {
        let tokenizer = try Tokenizer(json: damaged, path: "damaged.json")
        let identifiers = try tokenizer.encode(
          "Some text, 12 <s>né".utf8, addingSpecialTokens: true)
        _ = tokenizer.decode(identifiers, skippingSpecialTokens: false)
        readCount += 1
      } catch let error as TokenizerError {
        #expect(!error.description.isEmpty)
      }
    }
    #expect((1..<150).contains(readCount))
  }

  @Test func aHoleInTheVocabularyIsNamedOneThatAnAddedTokenFillsIsNone() throws {
    let holed = try Fixture.json { file in
      update(&file, "model") { update(&$0, "vocab") { $0["zyx"] = 500 } }
    }
    expectError(.malformed, naming: ["no token has the id 420", "500"], holed)
    let filled = try Fixture.json { file in
      update(&file, "model") { update(&$0, "vocab") { $0["zyx"] = nil } }
      var tokens = file["added_tokens"] as! [[String: Any]]
      tokens.append(["id": 420, "content": "<filling>"])
      tokens.append(["id": 1000, "content": "<behind a gap>"])
      file["added_tokens"] = tokens
    }
    let tokenizer = try Tokenizer(json: filled, path: "tokenizer.json")
    #expect(try tokenizer.encode("<filling><behind a gap>".utf8) == [420, 1000])
    #expect(tokenizer.vocabularySize == 1001)
    #expect(tokenizer.bytes(of: 999) == [])
  }

  @Test func sequencesOfWhatIsKnownAreRead() throws {
    let json = try Fixture.json { file in
      file["normalizer"] = ["type": "Sequence", "normalizers": [] as [Any]]
      file["pre_tokenizer"] =
        ["type": "Sequence", "pretokenizers": [file["pre_tokenizer"]!]] as [String: Any]
      file["decoder"] = ["type": "Sequence", "decoders": [file["decoder"]!]] as [String: Any]
      file["post_processor"] = ["type": "ByteLevel", "trim_offsets": true]
      update(&file, "model") { $0["type"] = nil }
    }
    let tokenizer = try Tokenizer(json: json, path: "tokenizer.json")
    for expected in try Fixture.cases() {
      #expect(try tokenizer.encode(expected.text.utf8) == expected.identifiers)
    }
  }

  @Test func contradictionsAreMalformed() throws {
    let added: [(Int, String)] = [
      (64, "<new>"), (-1, "<new>"), (1 << 24, "<new>"), (423, ""), (430, "zyx"),
    ]
    for (id, content) in added {
      expectError(
        .malformed, naming: ["\"\(content)\"", "\(id)"],
        try Fixture.json { $0["added_tokens"] = [["id": id, "content": content]] })
    }
    let vocabularies: [(token: String, id: Any, word: String)] = [
      ("new", 64, "64"), ("new", -1, "-1"), ("new", 1 << 24, "\(1 << 24)"),
      ("new", 3_000_000_000, "number"),
      ("new", "64", "vocab"), ("new", 0.5, "number"), ("new", true, "vocab"),
    ]
    for (token, id, word) in vocabularies {
      let json = try Fixture.json {
        update(&$0, "model") { update(&$0, "vocab") { $0[token] = id } }
      }
      expectError(.malformed, naming: [word], json)
    }
    let merges: [(merge: Any, word: String)] = [
      (["a"], "merge 0"), (["a", "b", "c"], "merge 0"), (["", "a"], "merge 0"), ("ab", "merge 0"),
      ("a  b", "merge 0"), ("a b c", "merge 0"), (["nowhere", "a"], "nowhere"),
      (["a", "nowhere"], "nowhere"),
      (["q", "q"], "qq"), (7, "merges"),
    ]
    for (merge, word) in merges {
      expectError(
        .malformed, naming: [word],
        try Fixture.json { update(&$0, "model") { $0["merges"] = [merge] } })
    }
  }

  @Test func whatIsNoTokenizerFileIsMalformed() throws {
    let bomb = String(repeating: "[", count: 1_000_000)
    for text in [
      "", "{", "[]", "null", "{}", "{\"model\": {}}", "{\"model\": 7}", "\u{0}", bomb,
      "{\"model\":" + bomb,
    ] {
      expectError(.malformed, naming: [], Data(text.utf8))
    }
    let whole = try Data(contentsOf: URL(fileURLWithPath: Fixture.tokenizerPath))
    for count in stride(from: 0, to: whole.count - 1, by: 97) {
      expectError(.malformed, naming: [], whole.prefix(count))
    }
  }

  @Test func aMissingFileADirectoryAndADeviceAreNotFound() {
    for path in ["/nowhere/tokenizer.json", NSTemporaryDirectory(), "/dev/zero"] {
      let error = #expect(throws: FileError.self) { try Tokenizer(contentsOf: path) }
      #expect(error?.kind == .notFound)
      #expect(error.map { "\($0)" }?.contains(path) == true)
      #expect(error?.localizedDescription == error?.description)
    }
  }

  /// It says what the thing is, and does not wait for someone to write into it.
  @Test func aPipeIsNoFile() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/tokenizer.json"
      #expect(mkfifo(path, 0o600) == 0)
      let error = #expect(throws: FileError.self) { try Tokenizer(contentsOf: path) }
      #expect(error?.kind == .notFound)
      #expect(error?.description == "\(path): is not a regular file; name one")
    }
  }

  @Test func aByteWithoutATokenIsLeftOutOrIsTheUnknownToken() throws {
    func encode(_ change: (inout [String: Any]) -> Void) throws -> [Int32] {
      let json = try Fixture.json { file in
        update(&file, "model") { model in
          update(&model, "vocab") { vocabulary in
            // The id must not be missing.
            vocabulary["unlikely"] = vocabulary["q"]
            vocabulary["q"] = nil
          }
          change(&model)
        }
      }
      return try Tokenizer(json: json, path: "tokenizer.json").encode("aqqb".utf8)
    }
    // What is on both sides of it merges.
    #expect(try encode { _ in } == Tokenizer(contentsOf: Fixture.tokenizerPath).encode("ab".utf8))
    #expect(try encode { $0["unk_token"] = "zyx" } == [64, 420, 420, 65])
    #expect(
      try encode {
        $0["unk_token"] = "zyx"
        $0["fuse_unk"] = true
      } == [64, 420, 65])
    let error = #expect(throws: TokenizerError.self) {
      try encode { $0["unk_token"] = "nowhere" }
    }
    #expect(error?.kind == .malformed)
    #expect(error?.description.contains("\"nowhere\"") == true)
  }

  @Test func progressRisesTo1() throws {
    let tokenizer = try Tokenizer(contentsOf: Fixture.path("families/llama-2.json"))
    let text = Array(String(repeating: "the ring passes blocks ", count: 40_000).utf8)
    var fractions: [Double] = []
    _ = try tokenizer.encode(text, onProgress: { fractions.append($0) })
    #expect(fractions.count >= text.count / 131_072)
    #expect(fractions == fractions.sorted())
    #expect(fractions.allSatisfy { 0 < $0 && $0 <= 1 })
    #expect(fractions.last == 1)
  }
}
