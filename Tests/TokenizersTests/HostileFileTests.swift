import Foundation
import Testing
import Tokenizers

/// Files that would take memory, time or the stack without bound are refused or given up.
struct HostileFileTests {
  private func expectUnsupported(
    _ words: [String], _ change: (inout [String: Any]) -> Void,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let json = try Fixture.json(change)
    let error = #expect(throws: TokenizerError.self, sourceLocation: sourceLocation) {
      try Tokenizer(json: json, path: "some/tokenizer.json")
    }
    #expect(error?.kind == .unsupported, "\(error as Any)", sourceLocation: sourceLocation)
    for word in words {
      #expect(
        error?.description.contains(word) == true, "\(word): \(error as Any)",
        sourceLocation: sourceLocation)
    }
  }

  private func replace(_ pattern: [String: String], _ content: String) -> [String: Any] {
    ["type": "Replace", "pattern": pattern, "content": content]
  }

  @Test func replacementsThatMultiplyATextAreRefused() throws {
    let doubling = replace(["String": "a"], "aa")
    for (key, members, role) in [
      ("normalizer", "normalizers", "the normalizer"), ("decoder", "decoders", "the decoder"),
    ] {
      try expectUnsupported([role, "256 times longer"]) {
        $0[key] = ["type": "Sequence", members: [Any](repeating: doubling, count: 30)]
      }
      try expectUnsupported([role, "256 times longer"]) {
        $0[key] = replace(["Regex": ""], String(repeating: "x", count: 256))
      }
      let json = try Fixture.json {
        $0[key] = ["type": "Sequence", members: [Any](repeating: doubling, count: 8)]
      }
      _ = try Tokenizer(json: json, path: "tokenizer.json").encode("aaaa".utf8)
    }
  }

  @Test func longSequencesAreRefused() throws {
    let digits: [String: Any] = ["type": "Digits", "individual_digits": true]
    try expectUnsupported(["the pre-tokenizer", "65 steps", "64"]) {
      $0["pre_tokenizer"] = [
        "type": "Sequence", "pretokenizers": [Any](repeating: digits, count: 65),
      ]
    }
  }

  @Test func aTemplateThatRepeatsTheTextIsRefused() throws {
    try expectUnsupported(["the post-processor", "the text 2 times"]) {
      let text = ["Sequence": ["id": "A", "type_id": 0]]
      $0["post_processor"] = [
        "type": "TemplateProcessing", "single": [text, text], "pair": [],
        "special_tokens": [String: Any](),
      ]
    }
  }

  /// Each word by itself takes fewer steps than the limit, all words together too many.
  @Test(.timeLimit(.minutes(1)))
  func manyWordsThatTakeLongAreGivenUp() throws {
    let json = try Fixture.json {
      $0["pre_tokenizer"] =
        [
          "type": "Split", "pattern": ["Regex": "(?:a|a)+[bd]"], "behavior": "Isolated",
          "invert": false,
        ] as [String: Any]
    }
    let tokenizer = try Tokenizer(json: json, path: "tokenizer.json")
    let text = String(repeating: String(repeating: "a", count: 20) + "c", count: 2000)
    let error = #expect(throws: TokenizerError.self) { try tokenizer.encode(text.utf8) }
    #expect(error?.kind == .unsupported && error?.description.contains("limit") == true)
    // One such word is matched.
    #expect(try !tokenizer.encode((text.prefix(21) + "aab").utf8).isEmpty)
  }

  /// A byte by itself is no text, which a regular expression must not be given.
  @Test func aTokenOfOneByteIsNotGivenToAnExpression() throws {
    let json = try Fixture.json {
      $0["decoder"] = [
        "type": "Sequence", "decoders": [["type": "ByteFallback"], replace(["Regex": "é.*"], "")],
      ]
      $0["added_tokens"] = [
        ["id": 0xffff, "content": "<0xC3>", "special": false, "normalized": false]
      ]
    }
    let tokenizer = try Tokenizer(json: json, path: "tokenizer.json")
    #expect(tokenizer.bytes(of: 0xffff) == [0xc3])
  }
}
