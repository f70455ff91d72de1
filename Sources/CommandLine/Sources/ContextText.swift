import Foundation
import Tokenizers

/// Where the tokens of a context stand in its text. Only rank 0 has it.
package struct ContextText {
  /// The text that the tokens are of; where that is not known, what they decode to.
  package let bytes: [UInt8]
  /// `[tokens + 1]`: where each token begins in `bytes`.
  private let offsets: [Int]
  /// Where the context file stands in `bytes`, in a chat without the blank characters around it, and how
  /// many of these it begins with; nil where the offsets are not those of the file.
  private let file: (place: Range<Int>, blank: Int)?

  /// - Parameters:
  ///   - tokenizer: nil where the model has none; there is no text then.
  ///   - text: what was tokenized; nil where the context is token ids.
  ///   - file: what the context file has, which a chat template may have put into `text`.
  package init(_ tokens: [Int32], _ tokenizer: Tokenizer?, text: String?, file: String?) {
    let pieces = tokens.map { tokenizer?.bytes(of: $0) ?? [] }
    let isSpecial = tokens.map { tokenizer?.isSpecial($0) ?? false }
    if let text, tokenizer != nil, let offsets = Self.offsets(of: pieces, isSpecial, in: text) {
      bytes = Array(text.utf8)
      self.offsets = offsets
      self.file = file.flatMap { Self.place(of: $0, in: text) }
      return
    }
    var bytes: [UInt8] = []
    offsets =
      [0]
      + zip(pieces, isSpecial).map { piece, isSpecial in
        if !isSpecial { bytes += piece }
        return bytes.count
      }
    self.bytes = bytes
    self.file = nil
  }

  /// Follows the tokens through the text; nil where they are not its bytes, as behind a normalization.
  private static func offsets(
    of pieces: [[UInt8]], _ isSpecial: [Bool], in text: String
  ) -> [Int]? {
    let bytes = Array(text.utf8)
    var offsets = [0]
    offsets.reserveCapacity(pieces.count + 1)
    for (piece, isSpecial) in zip(pieces, isSpecial) {
      let rest = bytes[offsets.last!...]
      if rest.starts(with: piece) {
        offsets.append(offsets.last! + piece.count)
      } else if isSpecial {
        // The tokenizer put it there.
        offsets.append(offsets.last!)
      } else if piece.first == UInt8(ascii: " "), rest.starts(with: piece.dropFirst()) {
        // As the space that SentencePiece puts before a text.
        offsets.append(offsets.last! + piece.count - 1)
      } else {
        return nil
      }
    }
    return offsets.last == bytes.count ? offsets : nil
  }

  private static func place(of file: String, in text: String) -> (Range<Int>, Int)? {
    let all = Array(file.utf8)
    if text.utf8.elementsEqual(all) { return (0..<all.count, 0) }
    guard let first = all.firstIndex(where: { !isBlank($0) }),
      let last = all.lastIndex(where: { !isBlank($0) })
    else { return nil }
    return Data(text.utf8).range(of: Data(all[first...last])).map { ($0, first) }
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (9...13).contains(byte) }

  // MARK: - What a place is

  /// Where tokens stand in `bytes`, in whole characters.
  package func range(of tokens: Range<Int>) -> Range<Int> {
    characterStart(offsets[tokens.lowerBound])..<characterStart(offsets[tokens.upperBound])
  }

  /// Where they stand in the context file; nil where that is not known, or they are not in it.
  package func fileRange(of tokens: Range<Int>) -> Range<Int>? {
    guard let file else { return nil }
    let range = range(of: tokens).clamped(to: file.place)
    guard !range.isEmpty else { return nil }
    let shift = file.blank - file.place.lowerBound
    return range.lowerBound + shift..<range.upperBound + shift
  }

  /// Most bytes that a line has before and behind a place, and in all.
  private static let mostBeside = 120
  private static let mostOfLine = 400

  /// The place with the rest of its sentence or line, on one line of harmless characters; what was cut
  /// is an ellipsis.
  package func line(around range: Range<Int>) -> String {
    guard !range.isEmpty else { return "" }
    var start = range.lowerBound
    while start > 0, range.lowerBound - start < Self.mostBeside, !endsSentence(before: start) {
      start -= 1
    }
    var end = range.upperBound
    while end < bytes.count, end - range.upperBound < Self.mostBeside,
      !endsSentence(before: end)
    {
      end += 1
    }
    end = min(end, start + Self.mostOfLine)
    (start, end) = (characterStart(start), characterStart(end))
    let isCut = (
      start > 0 && !endsSentence(before: start), end < bytes.count && !endsSentence(before: end)
    )
    let words = HarmlessText.line(String(decoding: bytes[start..<end], as: UTF8.self))
    return (isCut.0 ? "…" : "") + words + (isCut.1 ? "…" : "")
  }

  /// Whether a sentence or a line ends before an offset.
  private func endsSentence(before offset: Int) -> Bool {
    guard offset > 0 else { return true }
    if bytes[offset - 1] == UInt8(ascii: "\n") { return true }
    guard offset > 1, Self.isBlank(bytes[offset - 1]) else { return false }
    return [UInt8(ascii: "."), UInt8(ascii: "!"), UInt8(ascii: "?")].contains(bytes[offset - 2])
  }

  /// The offset, or the next one at which a character begins.
  private func characterStart(_ offset: Int) -> Int {
    var offset = offset
    while offset < bytes.count, bytes[offset] & 0xc0 == 0x80 { offset += 1 }
    return offset
  }
}

/// Text of strangers that is shown to a person.
enum HarmlessText {
  /// On one line: blank characters are single spaces, and what could move a cursor or turn the direction of
  /// text is U+FFFD.
  static func line(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.map(harmless)))
      .split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  static func harmless(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
    if scalar == "\n" || scalar == "\t" || scalar == "\r" { return scalar }
    switch scalar.value {
    case 0x202a...0x202e, 0x2066...0x2069, 0x200e, 0x200f, 0x061c: return "\u{fffd}"
    default: return scalar.properties.generalCategory == .control ? "\u{fffd}" : scalar
    }
  }
}
