import Foundation
import Testing
import Tokenizers

/// Byte-level BPE with merges against Hugging Face's `tokenizers`.
struct BytePairTests {
  @Test func textsEncodeToTheReferencesIds() throws {
    let tokenizer = try Tokenizer(contentsOf: Fixture.tokenizerPath)
    for expected in try Fixture.cases() {
      #expect(
        try tokenizer.encode(expected.text.utf8) == expected.identifiers,
        "\(expected.text.debugDescription)")
    }
  }

  @Test func mergesAsTextEncodeLikeMergesAsPairs() throws {
    let json = try Fixture.json { file in
      update(&file, "model") { model in
        model["merges"] = (model["merges"] as! [[String]]).map { "\($0[0]) \($0[1])" }
      }
    }
    let tokenizer = try Tokenizer(json: json, path: "tokenizer.json")
    for expected in try Fixture.cases() {
      #expect(
        try tokenizer.encode(expected.text.utf8) == expected.identifiers,
        "\(expected.text.debugDescription)")
    }
  }

  @Test func withIgnoreMergesAWordOfTheVocabularyIsOneToken() throws {
    let json = try Fixture.json { update(&$0, "model") { $0["ignore_merges"] = true } }
    let tokenizer = try Tokenizer(json: json, path: "tokenizer.json")
    for expected in try Fixture.cases() {
      #expect(
        try tokenizer.encode(expected.text.utf8) == expected.identifiersIgnoringMerges,
        "\(expected.text.debugDescription)")
    }
  }

  @Test func idsDecodeToTheReferencesTextWithAndWithoutSpecialTokens() throws {
    let tokenizer = try Tokenizer(contentsOf: Fixture.tokenizerPath)
    for expected in try Fixture.cases() {
      let whole = tokenizer.decode(expected.identifiers, skippingSpecialTokens: false)
      let plain = tokenizer.decode(expected.identifiers, skippingSpecialTokens: true)
      #expect(whole.utf8.elementsEqual(expected.decoded.utf8), "\(expected.text.debugDescription)")
      #expect(
        plain.utf8.elementsEqual(expected.decodedWithoutSpecial.utf8),
        "\(expected.text.debugDescription)")
    }
  }

  @Test func addedTokensHaveIdsAndBytesAndUnknownIdsStandForNothing() throws {
    let tokenizer = try Tokenizer(contentsOf: Fixture.tokenizerPath)
    #expect(tokenizer.vocabularySize == 429)
    let end = try #require(tokenizer.identifier(of: "<|end|>"))
    #expect(tokenizer.bytes(of: end) == Array("<|end|>".utf8))
    #expect(tokenizer.isSpecial(end))
    let tool = try #require(tokenizer.identifier(of: "<tool>"))
    #expect(!tokenizer.isSpecial(tool))
    #expect(tokenizer.identifier(of: "zyx") == nil)
    for id in [-1, 429, Int32.max, Int32.min] {
      #expect(tokenizer.bytes(of: id) == [], "\(id)")
    }
    #expect(
      tokenizer.decode([429, 64, -1], skippingSpecialTokens: false) == "a")
  }

  /// Merging that rescans the word after each merge would take hours here.
  @Test(.timeLimit(.minutes(1))) func aWordOfAMillionBytesIsMerged() throws {
    let tokenizer = try Tokenizer(contentsOf: Fixture.tokenizerPath)
    let unit = try #require(try Fixture.cases().map(\.text).max { $0.utf8.count < $1.utf8.count })
    let text = Array(String(repeating: unit, count: 1_000_000 / unit.utf8.count).utf8)
    let identifiers = try tokenizer.encode(text)
    #expect(identifiers.count < text.count)
    #expect(tokenizer.decode(identifiers, skippingSpecialTokens: false).utf8.elementsEqual(text))

    // Four a's are one token; nothing else merges in a run of them.
    let run = try tokenizer.encode([UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000))
    let four = try tokenizer.encode("aaaa".utf8)
    #expect(four.count == 1)
    #expect(run == [Int32](repeating: four[0], count: 250_000))
  }
}
