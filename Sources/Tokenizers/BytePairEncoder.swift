/// The model of a byte-level BPE tokenizer (Sennrich et al., https://arxiv.org/abs/1508.07909): a
/// word starts as one token a byte, and the adjacent pair whose merge ranks first, the leftmost of
/// equals, is merged until no pair merges.
struct BytePairEncoder: Sendable {
  /// For each byte its token, or -1 where the vocabulary has none.
  let byteIdentifiers: [Int32]
  let merges: MergeTable
  /// Words that are tokens as they stand, whatever the merges say (`ignore_merges`); empty without
  /// that option.
  let wholeWords: [[UInt8]: Int32]
  /// The length of the longest of `wholeWords`.
  private let longestWord: Int

  init(byteIdentifiers: [Int32], merges: MergeTable, wholeWords: [[UInt8]: Int32]) {
    self.byteIdentifiers = byteIdentifiers
    self.merges = merges
    self.wholeWords = wholeWords
    longestWord = wholeWords.keys.map(\.count).max() ?? 0
  }

  /// Appends the tokens of the word at `range` of `text`, which has fewer than 2^31 bytes. The time
  /// is n log n in its length.
  ///
  /// Throws `TokenizerError.unsupported` for a byte that has no token.
  func encode(
    _ text: UnsafeBufferPointer<UInt8>, range: Range<Int>, into identifiers: inout [Int32]
  ) throws {
    if range.isEmpty { return }
    if range.count <= longestWord, let id = wholeWords[Array(text[range])] {
      identifiers.append(id)
      return
    }
    let start = identifiers.count
    for position in range {
      let id = byteIdentifiers[Int(text[position])]
      guard id >= 0 else {
        throw TokenizerError(
          .unsupported,
          "the tokenizer has no token for the byte 0x\(String(text[position], radix: 16)) at "
            + "offset \(position) of the text; use the tokenizer of another model or another text")
      }
      identifiers.append(id)
    }
    if !merges.isEmpty {
      let merged = MergingWord(tokens: identifiers[start...]).merged(merges)
      identifiers.replaceSubrange(start..., with: merged)
    }
  }
}
