import Foundation
import Kernels
import Testing
import Tokenizers

struct StreamingDecoderTests {
  /// A tokenizer with one token for each part of `bytes`, and their ids by range.
  private func tokenizer(
    ofPartsOf bytes: [UInt8]
  ) throws -> (tokenizer: Tokenizer, id: (Range<Int>) throws -> Int32) {
    let json = try #require(
      try JSONSerialization.jsonObject(with: Tokenizer.bytesJSON()) as? [String: Any])
    let model = try #require(json["model"] as? [String: Any])
    let alphabet = try #require(model["vocab"] as? [String: Int])
    let characters = Dictionary(uniqueKeysWithValues: alphabet.map { ($1, $0) })
    func token(_ range: Range<Int>) throws -> String {
      try bytes[range].map { try #require(characters[Int($0)]) }.joined()
    }
    var vocabulary = alphabet
    for start in bytes.indices {
      for end in start + 1...bytes.count {
        let token = try token(start..<end)
        if vocabulary[token] == nil { vocabulary[token] = 2 + vocabulary.count }
      }
    }
    let extended = try Fixture.changed(Tokenizer.bytesJSON()) {
      update(&$0, "model") { $0["vocab"] = vocabulary }
    }
    let ids = vocabulary
    return (
      try Tokenizer(json: extended, path: "parts"), { Int32(try #require(ids[try token($0)])) }
    )
  }

  @Test(arguments: ["aé", "é你🙂", "🙂👩\u{200d}", "e\u{301}\r\n你", "\u{fffd}x\u{10ffff}"])
  func everySplitOfATextGivesItsCharactersAsSoonAsTheyAreWhole(text: String) throws {
    let bytes = Array(text.utf8)
    let (tokenizer, id) = try tokenizer(ofPartsOf: bytes)
    for split in 0..<(1 << (bytes.count - 1)) {
      var decoder = StreamingDecoder(tokenizer)
      var given = ""
      var start = 0
      for end in 1...bytes.count where end == bytes.count || split >> (end - 1) & 1 == 1 {
        given += decoder.append(try id(start..<end))
        let whole = (0...end).last { String(validating: bytes[..<$0], as: UTF8.self) != nil }!
        #expect(
          Array(given.utf8) == Array(bytes[..<whole]), "split \(split) of \(text), \(end) bytes in")
        start = end
      }
      #expect(decoder.finish() == "", "split \(split) of \(text)")
    }
  }

  @Test func illFormedBytesAreReplacedAsTheStandardLibraryReplacesThem() {
    let tokenizer = Tokenizer.bytes()
    let interesting: [UInt8] = [
      0x41, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1, 0xc3, 0xe0, 0xe2, 0xed, 0xf0, 0xf4, 0xff,
    ]
    var generator = SplitMix64(seed: 2)
    for _ in 0..<20_000 {
      let bytes = (0..<Int.random(in: 0...8, using: &generator)).map { _ in
        interesting.randomElement(using: &generator)!
      }
      var decoder = StreamingDecoder(tokenizer)
      var given = bytes.map { decoder.append(Int32($0)) }.joined()
      given += decoder.finish()
      #expect(Array(given.utf8) == Array(String(decoding: bytes, as: UTF8.self).utf8), "\(bytes)")
    }
  }

  @Test func whatCanNoLongerBecomeACharacterIsGivenAtOnce() {
    let tokenizer = Tokenizer.bytes()
    let cases: [(bytes: [UInt8], given: [String], rest: String)] = [
      ([0xff, 0x41], ["\u{fffd}", "A"], ""),
      ([0xe2, 0x82, 0x41], ["", "", "\u{fffd}A"], ""),
      ([0xe2, 0x82, 0xe2, 0x82, 0xac], ["", "", "\u{fffd}", "", "€"], ""),
      ([0xed, 0xa0], ["", "\u{fffd}\u{fffd}"], ""),
      ([0xf0, 0x9f, 0x99], ["", "", ""], "\u{fffd}"),
      ([0xc3], [""], "\u{fffd}"),
    ]
    for (bytes, given, rest) in cases {
      var decoder = StreamingDecoder(tokenizer)
      #expect(bytes.map { decoder.append(Int32($0)) } == given, "\(bytes)")
      #expect(decoder.finish() == rest, "\(bytes)")
      #expect(decoder.append(0x42) == "B", "a finished decoder starts anew")
    }
  }

  @Test func specialTokensAreGivenOnRequestOnly() {
    var skipping = StreamingDecoder(.bytes())
    var showing = StreamingDecoder(.bytes(), skippingSpecialTokens: false)
    let identifiers: [Int32] = [256, 0xc3, 0xa9, 257]
    #expect(identifiers.map { skipping.append($0) } == ["", "", "é", ""])
    #expect(identifiers.map { showing.append($0) } == ["<s>", "", "é", "</s>"])
    #expect(skipping.append(99_999) == "")
  }
}
