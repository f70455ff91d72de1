import Foundation

/// The tokens of words that came before, since most words of a text come again. Bounded: where its
/// memory is full it forgets all.
final class WordCache {
  /// Longer words are not kept; they seldom come again.
  static let longestWord = 64

  private struct Entry: BitwiseCopyable {
    /// 0 where the place is free.
    var hash: UInt64 = 0
    var wordStart: UInt32 = 0
    var tokenStart: UInt32 = 0
    var wordCount: UInt16 = 0
    var tokenCount: UInt16 = 0
    /// The first token, so that most words need no look at `tokens`.
    var firstToken: Int32 = 0
  }

  private static let ways = 4

  private let entries: FixedBuffer<Entry>
  private let words: FixedBuffer<UInt8>
  private let tokens: FixedBuffer<Int32>
  private let mask: Int
  private var wordsEnd = 0
  private var tokensEnd = 0

  /// A cache for a text of `byteCount` bytes.
  init(byteCount: Int) {
    var capacity = 64
    while capacity < 1 << 16, capacity < byteCount / 4 { capacity *= 2 }
    entries = FixedBuffer(repeating: Entry(), count: capacity + Self.ways)
    words = FixedBuffer(repeating: 0, count: 16 * capacity + Self.longestWord)
    tokens = FixedBuffer(repeating: 0, count: 8 * capacity + Self.longestWord)
    mask = capacity - 1
  }

  /// Never 0.
  @inline(__always)
  static func hash(_ word: UnsafePointer<UInt8>, _ count: Int) -> UInt64 {
    let raw = UnsafeRawPointer(word)
    var hash = UInt64(truncatingIfNeeded: count) &* 0x9e37_79b9_7f4a_7c15
    var offset = 0
    while offset + 8 <= count {
      hash = mix(hash ^ raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      offset += 8
    }
    if offset < count {
      var rest: UInt64 = 0
      if count - offset >= 4 {
        // Two overlapping halves hold 4 to 7 bytes.
        rest = UInt64(raw.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        rest |= UInt64(raw.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self)) << 32
      } else {
        rest = UInt64(word[offset]) | UInt64(word[offset + (count - offset) / 2]) << 8
        rest |= UInt64(word[count - 1]) << 16
      }
      hash = mix(hash ^ rest)
    }
    return hash | 1
  }

  @inline(__always)
  private static func mix(_ value: UInt64) -> UInt64 {
    let product = value.multipliedFullWidth(by: 0xa076_1d64_78bd_642f)
    return product.high ^ product.low
  }

  /// Appends the word's tokens to `output`, if they are known.
  @inline(__always)
  func appendTokens(
    of word: UnsafePointer<UInt8>, _ count: Int, hash: UInt64, to output: inout [Int32]
  ) -> Bool {
    let start = Int(truncatingIfNeeded: hash >> 20) & mask
    for place in start..<(start + Self.ways) {
      let entry = entries[place]
      guard entry.hash == hash, Int(entry.wordCount) == count,
        memcmp(words.elements + Int(entry.wordStart), word, count) == 0
      else { continue }
      if entry.tokenCount == 1 {
        output.append(entry.firstToken)
      } else {
        output.append(
          contentsOf: UnsafeBufferPointer(
            start: tokens.elements + Int(entry.tokenStart), count: Int(entry.tokenCount)))
      }
      return true
    }
    return false
  }

  /// Keeps the tokens of a word of at most `longestWord` bytes.
  func insert(
    _ word: UnsafePointer<UInt8>, _ count: Int, hash: UInt64, tokens newTokens: ArraySlice<Int32>
  ) {
    if newTokens.count > Self.longestWord { return }
    if wordsEnd + count > words.count || tokensEnd + newTokens.count > tokens.count {
      entries.elements.update(repeating: Entry(), count: entries.count)
      wordsEnd = 0
      tokensEnd = 0
    }
    let start = Int(truncatingIfNeeded: hash >> 20) & mask
    let place = (start..<(start + Self.ways)).first { entries[$0].hash == 0 } ?? start
    entries[place] = Entry(
      hash: hash, wordStart: UInt32(wordsEnd), tokenStart: UInt32(tokensEnd),
      wordCount: UInt16(count), tokenCount: UInt16(newTokens.count),
      firstToken: newTokens.first ?? 0)
    (words.elements + wordsEnd).update(from: word, count: count)
    wordsEnd += count
    for token in newTokens {
      tokens[tokensEnd] = token
      tokensEnd += 1
    }
  }
}
