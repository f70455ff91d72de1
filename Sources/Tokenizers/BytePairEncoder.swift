/// The model of a byte-level BPE tokenizer (Sennrich et al., https://arxiv.org/abs/1508.07909): a word starts as one token
/// a byte, and the adjacent pair whose merge ranks first, the leftmost of equals, is merged until no pair merges.
struct BytePairEncoder: Sendable {
  /// For each byte its token, or -1 where the vocabulary has none.
  let byteIdentifiers: [Int32]
  let merges: MergeTable
  /// Words that are tokens as they stand, whatever the merges say (`ignore_merges`); empty without that option.
  let wholeWords: [[UInt8]: Int32]
  /// The length of the longest of `wholeWords`.
  private let longestWord: Int

  init(byteIdentifiers: [Int32], merges: MergeTable, wholeWords: [[UInt8]: Int32]) {
    self.byteIdentifiers = byteIdentifiers
    self.merges = merges
    self.wholeWords = wholeWords
    longestWord = wholeWords.keys.map(\.count).max() ?? 0
  }

  /// Appends the tokens of the word at `range` of `text`, which has fewer than 2^31 bytes. The time is n log n in its
  /// length.
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
          "the tokenizer has no token for the byte 0x\(String(text[position], radix: 16)) at offset "
            + "\(position) of the text; use the tokenizer of another model or another text")
      }
      identifiers.append(id)
    }
    if !merges.isEmpty { merge(&identifiers, from: start) }
  }

  /// Merges the tokens from index `start` on.
  private func merge(_ identifiers: inout [Int32], from start: Int) {
    // The word is a linked list over places. A merged token keeps its left part's place; the right part's is left empty.
    let count = identifiers.count - start
    let none: Int32 = -1
    var tokens = Array(identifiers[start...])
    var next = (0..<count).map { Int32($0 + 1 < count ? $0 + 1 : -1) }
    var previous = (0..<count).map { Int32($0 - 1) }

    // What could be merged: the rank above the left token's place, so that the smallest is first in rank, then in place.
    func candidate(_ place: Int) -> UInt64? {
      guard next[place] != none, let merge = merges[tokens[place], tokens[Int(next[place])]] else {
        return nil
      }
      return UInt64(merge.rank) << 32 | UInt64(place)
    }
    var candidates = MinimumHeap((0..<count).compactMap(candidate))

    while let smallest = candidates.removeSmallest() {
      let left = Int(truncatingIfNeeded: smallest & 0xffff_ffff)
      // Earlier merges may have changed the pair; then the heap has the new one as a candidate of its own.
      guard tokens[left] != none, next[left] != none else { continue }
      let right = Int(next[left])
      guard let merge = merges[tokens[left], tokens[right]], UInt64(merge.rank) == smallest >> 32
      else { continue }

      tokens[left] = merge.id
      tokens[right] = none
      next[left] = next[right]
      if next[right] != none { previous[Int(next[right])] = Int32(left) }
      if previous[left] != none, let pair = candidate(Int(previous[left])) {
        candidates.insert(pair)
      }
      if let pair = candidate(left) { candidates.insert(pair) }
    }

    identifiers.removeSubrange(start...)
    identifiers += tokens.lazy.filter { $0 != none }
  }
}
