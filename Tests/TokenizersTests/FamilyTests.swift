import Foundation
import Kernels
import Testing
import Tokenizers

/// Tokenizers with the configurations of published families, against Hugging Face's `tokenizers`;
/// see `make_families.py`.
struct FamilyTests {
  static let names = [
    "deepseek-v3", "gemma-2", "llama-2", "llama-3", "mistral-nemo", "mistral-v0.3", "mixture",
    "phi-3",
    "phi-4", "qwen-2", "smollm-2", "tinyllama", "unknowns",
  ]
  private static let expectation = Result { try FamilyExpectation() }

  private func load(
    _ name: String
  ) throws -> (FamilyExpectation, FamilyExpectation.Family, Tokenizer) {
    let all = try Self.expectation.get()
    let family = try #require(all.families[name])
    return (all, family, try Tokenizer(contentsOf: Fixture.path("families/\(name).json")))
  }

  @Test func everyFamilyHasItsCase() throws {
    #expect(try Self.expectation.get().families.keys.sorted() == Self.names)
  }

  @Test(arguments: names) func textsEncodeToTheReferencesIds(name: String) throws {
    let (all, family, tokenizer) = try load(name)
    for (text, identifiers) in zip(all.texts, family.ids) {
      #expect(try tokenizer.encode(text.utf8) == identifiers, "\(text.debugDescription)")
    }
    #expect(try tokenizer.encode("a".utf8, addingSpecialTokens: true) == family.start)
  }

  @Test(arguments: names) func idsDecodeToTheReferencesTexts(name: String) throws {
    let (all, family, tokenizer) = try load(name)
    for (index, text) in all.texts.enumerated() {
      for (isSkipping, expected) in [
        (false, family.decoded[index]), (true, family.decodedWithoutSpecial[index]),
      ] {
        let decoded = tokenizer.decode(family.ids[index], skippingSpecialTokens: isSkipping)
        #expect(
          decoded.utf8.elementsEqual(expected.utf8), "\(text.debugDescription), \(isSkipping)")
      }
    }
  }

  @Test(arguments: names) func aMegabyteOfMixedTextGivesTheReferencesIds(
    name: String
  ) throws {
    let (all, family, tokenizer) = try load(name)
    for (seed, expected) in family.chunks.enumerated() {
      let chunk = all.chunk(seed: UInt64(seed))
      let identifiers = try tokenizer.encode(chunk)
      #expect(identifiers.count == expected.count, "chunk \(seed)")
      let hash = FamilyExpectation.fnv(identifiers.lazy.map { UInt64($0) })
      #expect(hash == expected.idsHash, "chunk \(seed)")
      let decoded = tokenizer.decode(identifiers, skippingSpecialTokens: false)
      let textHash = FamilyExpectation.fnv(decoded.utf8.lazy.map { UInt64($0) })
      #expect(textHash == expected.textHash, "chunk \(seed)")
    }
  }

  @Test(arguments: names) func streamedTextJoinedIsTheDecodedText(name: String) throws {
    let (all, family, tokenizer) = try load(name)
    var generator = SplitMix64(seed: 7)
    // Ids in an order that no text has, so that characters are cut short and byte tokens ill-formed.
    let random = (0..<200).map { _ in
      (0..<Int.random(in: 1...60, using: &generator)).map { _ in
        Int32.random(in: 0..<Int32(tokenizer.vocabularySize), using: &generator)
      }
    }
    #expect(all.texts.count == family.ids.count)
    for identifiers in family.ids + random {
      for isSkipping in [false, true] {
        var decoder = StreamingDecoder(tokenizer, skippingSpecialTokens: isSkipping)
        let streamed = identifiers.map { decoder.append($0) }.joined() + decoder.finish()
        let whole = tokenizer.decode(identifiers, skippingSpecialTokens: isSkipping)
        #expect(streamed.utf8.elementsEqual(whole.utf8), "\(identifiers)")
      }
    }
  }

  @Test(arguments: names) func textEncodesTheSameAtEachDistanceFromOthers(
    name: String
  ) throws {
    // The cache of words and the places where long words are cut must not show: a text that came
    // before changes nothing.
    let (all, _, tokenizer) = try load(name)
    guard name != "mistral-v0.3", let separator = Self.separators[name] else { return }
    let id = try #require(tokenizer.identifier(of: separator))
    let texts = all.texts.filter { !$0.isEmpty && $0.utf8.first != 0x20 && $0.utf8.last != 0x20 }
    let whole = try tokenizer.encode(texts.joined(separator: separator).utf8)
    let parts = try texts.map { try tokenizer.encode($0.utf8) }
    #expect(whole == Array(parts.joined(separator: [id])))
  }

  /// What goes on where another text ends has no prefix: joined, the two decode to the one text.
  /// Not so with two made-up ones, which strip spaces or put them between words when they decode.
  @Test(arguments: names.filter { $0 != "mixture" && $0 != "unknowns" })
  func aContinuationTakesNoPrefix(name: String) throws {
    let (_, _, tokenizer) = try load(name)
    for (first, second) in [
      ("The first half", "and the second"), ("A line.\n\n", "question?"), ("one", " two"),
    ] {
      let whole = try tokenizer.encode((first + second).utf8)
      let parts =
        try tokenizer.encode(first.utf8) + tokenizer.encode(second.utf8, continuing: true)
      func text(_ identifiers: [Int32]) -> String {
        tokenizer.decode(identifiers, skippingSpecialTokens: false)
      }
      #expect(text(parts).utf8.elementsEqual(text(whole).utf8), "\(first.debugDescription)")
    }
  }

  /// Added tokens that take no space and are found in the text as it is.
  private static let separators = [
    "llama-2": "</s>", "llama-3": "<|eot_id|>", "gemma-2": "<bos>", "mistral-nemo": "[INST]",
    "qwen-2": "<|im_end|>", "smollm-2": "<|im_end|>",
  ]
}
