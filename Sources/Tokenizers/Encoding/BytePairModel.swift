/// A byte-pair encoding (Sennrich et al., https://arxiv.org/abs/1508.07909): a word starts as one
/// token a character (byte-level: a byte), and the adjacent pair whose merge ranks first, the
/// leftmost of equals, is merged until no pair merges.
struct BytePairModel: Sendable {
  /// Whether a word's characters are the bytes of the text.
  let isByteLevel: Bool
  let merges: MergeTable
  let joins: JoinTable
  /// Whether words may be cut as `joins` says.
  let canCut: Bool
  /// The token of each ASCII character (byte-level: of each byte), or -1. `[256]`
  let firstTokens: FixedBuffer<Int32>
  /// The tokens of the other characters that have one.
  let characterTokens: CharacterTable
  /// With `byte_fallback`: the tokens `<0x00>` to `<0xFF>` that stand for the bytes of a character
  /// without a token, or -1; empty without that option.
  let byteTokens: [Int32]
  /// Stands for characters without a token; -1 where there is none, and they are left out.
  let unknownToken: Int32
  /// Whether several unknown characters in a row are one token.
  let fusesUnknown: Bool
  /// Words that are tokens as they stand, whatever the merges say (`ignore_merges`); empty without
  /// that option. Byte-level: of bytes of the text.
  let wholeWords: TokenIndex
  /// The length of the longest of `wholeWords`.
  let longestWholeWord: Int

  /// Puts the tokens that the word starts with into `merger`, which has room for one a byte (of
  /// byte-level words two); gives their number.
  func start(
    _ word: UnsafePointer<UInt8>, _ count: Int, _ merger: WordMerger
  ) -> Int {
    let tokens = merger.tokens
    var tokenCount = 0
    // Unknown characters wait here: the next one may be fused with them.
    var isUnknownPending = false
    var place = 0
    while place < count {
      let lead = word[place]
      let length = isByteLevel ? 1 : UTF8Scan.length(ofValidLead: lead)
      let token =
        length == 1
        ? firstTokens[Int(lead)] : characterTokens[CharacterTable.code(word + place, length)]
      if token >= 0 {
        if isUnknownPending {
          tokens[tokenCount] = unknownToken
          tokenCount += 1
          isUnknownPending = false
        }
        tokens[tokenCount] = token
        tokenCount += 1
      } else if !appendByteTokens(word + place, length, tokens, &tokenCount), unknownToken >= 0 {
        if isUnknownPending, !fusesUnknown {
          tokens[tokenCount] = unknownToken
          tokenCount += 1
        }
        isUnknownPending = true
      }
      place += length
    }
    if isUnknownPending {
      tokens[tokenCount] = unknownToken
      tokenCount += 1
    }
    return tokenCount
  }

  /// Appends the byte tokens of a character; false where the vocabulary lacks one of them.
  private func appendByteTokens(
    _ character: UnsafePointer<UInt8>, _ length: Int, _ tokens: UnsafeMutablePointer<Int32>,
    _ tokenCount: inout Int
  ) -> Bool {
    if byteTokens.isEmpty { return false }
    if isByteLevel {
      // The vocabulary's bytes are those of the character that stands for the byte.
      let bytes = ByteLevel.characters[Int(character[0])].utf8
      if bytes.contains(where: { byteTokens[Int($0)] < 0 }) { return false }
      for byte in bytes {
        tokens[tokenCount] = byteTokens[Int(byte)]
        tokenCount += 1
      }
      return true
    }
    for offset in 0..<length where byteTokens[Int(character[offset])] < 0 { return false }
    for offset in 0..<length {
      tokens[tokenCount] = byteTokens[Int(character[offset])]
      tokenCount += 1
    }
    return true
  }
}
