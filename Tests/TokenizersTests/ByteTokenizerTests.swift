import Foundation
import Kernels
import TestSupport
import Testing
import Tokenizers

/// The built-in model's tokenizer, whose tokens are bytes.
struct ByteTokenizerTests {
  @Test func aTokensIdIsItsByte() throws {
    let tokenizer = Tokenizer.bytes()
    #expect(tokenizer.vocabularySize == 258)
    for byte in UInt8.min...UInt8.max {
      #expect(tokenizer.bytes(of: Int32(byte)) == [byte])
    }
    #expect(tokenizer.identifier(of: "<s>") == 256)
    #expect(tokenizer.identifier(of: "</s>") == 257)
    #expect(tokenizer.isSpecial(256) && tokenizer.isSpecial(257) && !tokenizer.isSpecial(255))
    #expect(try tokenizer.encode("a<s>é</s>".utf8) == [97, 256, 0xc3, 0xa9, 257])
    #expect(try tokenizer.encode([]) == [])
  }

  @Test func theExportedFileGivesTheSameTokenizer() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write("tokenizer.json", Array(Tokenizer.bytesJSON()))
    let tokenizer = try Tokenizer(contentsOf: path)
    #expect(tokenizer.vocabularySize == 258)
    #expect(
      try tokenizer.encode("\"\\ \n\u{7f}é🙂<s>".utf8) == "\"\\ \n\u{7f}é🙂".utf8.map(Int32.init) + [
        256
      ])
  }

  @Test func everyCharacterIsItsBytesAndBack() throws {
    let tokenizer = Tokenizer.bytes()
    var text = ""
    for code in UInt32(0)...0x10ffff {
      if let scalar = Unicode.Scalar(code) { text.unicodeScalars.append(scalar) }
    }
    let bytes = Array(text.utf8)
    let identifiers = try tokenizer.encode(bytes)
    #expect(identifiers == bytes.map(Int32.init))
    #expect(tokenizer.decode(identifiers, skippingSpecialTokens: true).utf8.elementsEqual(bytes))
  }

  @Test func textThatIsNotUTF8IsRefusedAtTheFirstBadByte() throws {
    let tokenizer = Tokenizer.bytes()
    let bad: [[UInt8]] = [
      [0x80], [0xbf], [0xc0, 0x80], [0xc1, 0xbf], [0xc3], [0xc3, 0x28], [0xe0, 0x80, 0x80],
      [0xe2, 0x82],
      [0xe2, 0x82, 0x28], [0xed, 0xa0, 0x80], [0xf0, 0x80, 0x80, 0x80], [0xf0, 0x9f, 0x99],
      [0xf4, 0x90, 0x80, 0x80],
      [0xf5, 0x80, 0x80, 0x80], [0xff],
    ]
    for prefix in ["", "a", "é", "1234567", "12345678", "123456789", "🙂🙂 and some more"] {
      for bytes in bad {
        for suffix in ["", "b", "12345678"] {
          let text = Array(prefix.utf8) + bytes + Array(suffix.utf8)
          let error = #expect(throws: TokenizerError.self, "\(prefix) \(bytes) \(suffix)") {
            try tokenizer.encode(text)
          }
          #expect(error?.kind == .malformed)
          #expect(
            error?.description.contains("at offset \(prefix.utf8.count) ") == true,
            "\(prefix) \(bytes) \(suffix): \(error?.description ?? "")")
        }
      }
    }
  }

  @Test func validityIsWhatTheStandardLibrarySaysItIs() throws {
    let tokenizer = Tokenizer.bytes()
    var generator = SplitMix64(seed: 1)
    let interesting: [UInt8] = [
      0x41, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc2, 0xe0, 0xe1, 0xed, 0xf0, 0xf4,
    ]
    for _ in 0..<20_000 {
      let text = (0..<Int.random(in: 0...6, using: &generator)).map { _ in
        interesting.randomElement(using: &generator)!
      }
      let identifiers = try? tokenizer.encode(text)
      #expect((identifiers != nil) == (String(validating: text, as: UTF8.self) != nil), "\(text)")
      if let identifiers { #expect(identifiers == text.map(Int32.init)) }
    }
  }
}
