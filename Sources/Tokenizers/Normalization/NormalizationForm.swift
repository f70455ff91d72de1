import CUTF8Proc
import Foundation

/// The normalization forms of Unicode (UAX #15).
enum NormalizationForm: String, Sendable {
  case nfc = "NFC"
  case nfd = "NFD"
  case nfkc = "NFKC"
  case nfkd = "NFKD"

  /// `text` in this form; nil where it is in it already.
  ///
  /// utf8proc normalizes, but only what lies between characters that no form changes or moves,
  /// which is little of most texts.
  func normalized(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
    guard let start = text.baseAddress else { return nil }
    var result: [UInt8]?
    /// What is before this is in `result`, if that is there.
    var taken = 0
    var position = 0
    /// The last character that stays as it is, if what follows may combine with it.
    var lastInert: Int?
    while position < text.count {
      if text[position] < 0x80 {
        lastInert = position
        position += 1
        continue
      }
      let (scalar, length) = UTF8Scan.scalar(start + position)
      if isInert(scalar) {
        // What the reference does not know it does not combine with either.
        lastInert = scalar.isKnown(toUnicode: 9) ? position : nil
        position += length
        continue
      }
      let runStart = lastInert ?? position
      position += length
      while position < text.count {
        let (scalar, length) = UTF8Scan.scalar(start + position)
        if isInert(scalar) { break }
        position += length
      }
      let run = UnsafeBufferPointer(rebasing: text[runStart..<position])
      let normalizedRun = normalizedRun(run)
      if !normalizedRun.elementsEqual(run) {
        if result == nil {
          result = []
          result!.reserveCapacity(text.count + 64)
        }
        result!.append(contentsOf: text[taken..<runStart])
        result!.append(contentsOf: normalizedRun)
        taken = position
      }
      lastInert = nil
    }
    result?.append(contentsOf: text[taken...])
    return result
  }

  private func normalizedRun(_ run: UnsafeBufferPointer<UInt8>) -> [UInt8] {
    let options =
      switch self {
      case .nfc: [UTF8PROC_STABLE, UTF8PROC_COMPOSE]
      case .nfd: [UTF8PROC_STABLE, UTF8PROC_DECOMPOSE]
      case .nfkc: [UTF8PROC_STABLE, UTF8PROC_COMPOSE, UTF8PROC_COMPAT]
      case .nfkd: [UTF8PROC_STABLE, UTF8PROC_DECOMPOSE, UTF8PROC_COMPAT]
      }
    var result: UnsafeMutablePointer<UInt8>?
    let count = utf8proc_map(
      run.baseAddress, run.count, &result,
      utf8proc_option_t(rawValue: options.reduce(0) { $0 | $1.rawValue }))
    // The text is valid, so there is nothing but memory that can be missing.
    guard count >= 0, let result else { fatalError("out of memory") }
    defer { free(result) }
    return Array(UnsafeBufferPointer(start: result, count: count))
  }

  /// Whether the character stays as it is, whatever stands before it. Not all that do are known
  /// here, only those of common scripts.
  ///
  /// The reference's tables are those of Unicode 9: what came later stays as it is.
  private func isInert(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return true }
    guard self == .nfc else { return !scalar.isKnown(toUnicode: 9) }
    switch scalar.value {
    case 0x80...0x2ff,
      // Greek, Cyrillic, Hebrew and Arabic letters.
      0x388...0x3ce, 0x400...0x482, 0x48a...0x52f, 0x5d0...0x5ea, 0x620...0x64a, 0x660...0x66f,
      0x671...0x6d5,
      // Punctuation, joiners, symbols.
      0x2002...0x205e, 0x20a0...0x20c0, 0x2100...0x2125, 0x2190...0x2328, 0x232b...0x2adb,
      // Kana, Han and Hangul.
      0x3000...0x3029, 0x3030...0x3098, 0x309b...0x9fff, 0xac00...0xd7a3,
      // Variation selectors, full-width forms, pictographs, more Han.
      0xfe00...0xfe0f, 0xff01...0xffee, 0x1f000...0x1fbff, 0x20000...0x2ebe0:
      return true
    default: return !scalar.isKnown(toUnicode: 9)
    }
  }
}
