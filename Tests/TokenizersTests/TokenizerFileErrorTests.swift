import Foundation
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

  @Test func `Unknown components are named with their type`() throws {
    let byteLevel: [String: Any] = [
      "type": "ByteLevel", "add_prefix_space": false, "use_regex": false,
    ]
    let cases: [(key: String, value: Any, words: [String])] = [
      ("normalizer", ["type": "NFC"], ["normalizer", "NFC"]),
      (
        "normalizer", ["type": "Sequence", "normalizers": [["type": "Prepend"]]],
        ["normalizer", "Prepend"]
      ),
      ("pre_tokenizer", ["type": "Metaspace"], ["pre-tokenizer", "Metaspace"]),
      ("pre_tokenizer", NSNull(), ["pre-tokenizer", "empty"]),
      (
        "pre_tokenizer", ["type": "Sequence", "pretokenizers": [["type": "Split"], byteLevel]],
        ["pre-tokenizer", "Split"]
      ),
      (
        "pre_tokenizer", ["type": "Sequence", "pretokenizers": [byteLevel, byteLevel]],
        ["pre-tokenizer", "repeated"]
      ),
      (
        "pre_tokenizer", byteLevel.merging(["use_regex": true]) { $1 },
        ["pre-tokenizer", "use_regex"]
      ),
      ("pre_tokenizer", ["type": "ByteLevel", "add_prefix_space": false], ["use_regex"]),
      (
        "pre_tokenizer", byteLevel.merging(["add_prefix_space": true]) { $1 },
        ["pre-tokenizer", "add_prefix_space"]
      ),
      ("decoder", NSNull(), ["decoder", "empty"]),
      ("decoder", ["type": "Fuse"], ["decoder", "Fuse"]),
      ("post_processor", ["type": "TemplateProcessing"], ["post-processor", "TemplateProcessing"]),
      ("model", ["type": "Unigram", "vocab": [["a", 0.5]]], ["model", "Unigram"]),
      ("model", ["type": "WordPiece", "vocab": ["a": 0]], ["model", "WordPiece"]),
    ]
    for (key, value, words) in cases {
      expectError(.unsupported, naming: words, try Fixture.json { $0[key] = value })
    }
  }

  @Test func `Options that change the tokens are named`() throws {
    let options: [(String, Any)] = [
      ("dropout", 0.1), ("continuing_subword_prefix", "##"), ("end_of_word_suffix", "</w>"),
      ("byte_fallback", true),
    ]
    for (option, value) in options {
      expectError(
        .unsupported, naming: [option],
        try Fixture.json { update(&$0, "model") { $0[option] = value } })
    }
    for option in ["single_word", "lstrip", "rstrip"] {
      expectError(
        .unsupported, naming: [option, "<s>"],
        try Fixture.json { $0["added_tokens"] = [["id": 423, "content": "<s>", option: true]] })
    }
  }

  @Test func `Sequences of what is known are read`() throws {
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

  @Test func `Contradictions are malformed`() throws {
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
      ("new", "64", "vocab"), ("new", 0.5, "number"),
    ]
    for (token, id, word) in vocabularies {
      let json = try Fixture.json {
        update(&$0, "model") { update(&$0, "vocab") { $0[token] = id } }
      }
      expectError(.malformed, naming: [word], json)
    }
    let merges: [(merge: Any, word: String)] = [
      (["a"], "Merge 0"), (["a", "b", "c"], "Merge 0"), (["", "a"], "Merge 0"), ("ab", "Merge 0"),
      ("a  b", "Merge 0"), ("a b c", "Merge 0"), (["nowhere", "a"], "nowhere"),
      (["a", "nowhere"], "nowhere"),
      (["q", "q"], "qq"), (7, "merges"),
    ]
    for (merge, word) in merges {
      expectError(
        .malformed, naming: [word],
        try Fixture.json { update(&$0, "model") { $0["merges"] = [merge] } })
    }
  }

  @Test func `What is no tokenizer file is malformed`() throws {
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

  @Test func `A missing file and a directory are not found`() {
    for path in ["/nowhere/tokenizer.json", NSTemporaryDirectory()] {
      let error = #expect(throws: TokenizerError.self) { try Tokenizer(contentsOf: path) }
      #expect(error?.kind == .notFound)
      #expect(error.map { "\($0)" }?.contains(path) == true)
      #expect(error?.localizedDescription == error?.description)
    }
  }

  @Test func `A byte without a token is named where it occurs`() throws {
    let json = try Fixture.json { file in
      update(&file, "model") { update(&$0, "vocab") { $0["q"] = nil } }
    }
    let tokenizer = try Tokenizer(json: json, path: "tokenizer.json")
    #expect(try !tokenizer.encode("the ring".utf8).isEmpty)
    let error = #expect(throws: TokenizerError.self) { try tokenizer.encode("the <s>queue".utf8) }
    #expect(error?.kind == .unsupported)
    #expect(error?.description.contains("0x71 at offset 7 ") == true)
  }
}
