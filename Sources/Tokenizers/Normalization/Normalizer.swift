import Foundation

/// A step that changes the text before it is cut into words.
enum Normalizer: Sendable {
  /// Stands before every text that is not empty.
  case prepend([UInt8])
  case replace(TextPattern, by: [UInt8])
  case unicode(NormalizationForm)
  case lowercase
  case strip(left: Bool, right: Bool)
  case stripAccents

  /// Whether it only puts something before a text, which belongs to no text in the middle of another.
  var isPrefix: Bool {
    if case .prepend = self { true } else { false }
  }

  /// `text` after `normalizers`, one after the other; nil where they leave it as it is.
  ///
  /// Throws `TokenizerError` where a regular expression cannot be matched.
  static func normalized(
    _ text: UnsafeBufferPointer<UInt8>, _ normalizers: [Normalizer]
  ) throws -> [UInt8]? {
    var result: [UInt8]?
    for normalizer in normalizers {
      if let text = result {
        result = try text.withUnsafeBufferPointer { try normalizer.normalized($0) } ?? text
      } else {
        result = try normalizer.normalized(text)
      }
    }
    return result
  }

  private func normalized(_ text: UnsafeBufferPointer<UInt8>) throws -> [UInt8]? {
    switch self {
    case .prepend(let prefix):
      return text.isEmpty || prefix.isEmpty ? nil : prefix + text
    case .replace(let pattern, let replacement):
      return try Self.replacing(pattern, in: text, by: replacement)
    case .unicode(let form):
      return form.normalized(text)
    case .lowercase:
      return Self.mapped(text, leavingASCII: false) { $0.properties.lowercaseMapping }
    case .stripAccents:
      return Self.mapped(text, leavingASCII: true) { scalar in
        // The reference's table of marks is that of Unicode 9, by which the first two were marks
        // and the third was none.
        if scalar == "\u{1cf2}" || scalar == "\u{1cf3}" { return "" }
        guard scalar.isKnown(toUnicode: 9), scalar != "\u{111c9}" else { return String(scalar) }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark: return ""
        default: return String(scalar)
        }
      }
    case .strip(let left, let right):
      var kept = 0..<text.count
      if left { kept = UTF8Scan.skippingSpaces(in: text, from: 0)..<text.count }
      if right {
        let end = UTF8Scan.spacesStart(in: text, before: text.count)
        kept = min(kept.lowerBound, end)..<end
      }
      return kept.count == text.count ? nil : Array(text[kept])
    }
  }

  static func replacing(
    _ pattern: TextPattern, in text: UnsafeBufferPointer<UInt8>, by replacement: [UInt8]
  ) throws -> [UInt8]? {
    var result: [UInt8]?
    var end = 0
    try PatternMatcher(pattern).forEachMatch(in: text) { match in
      if result == nil {
        result = []
        result!.reserveCapacity(text.count + text.count / 2)
      }
      result!.append(contentsOf: UnsafeBufferPointer(rebasing: text[end..<match.lowerBound]))
      result!.append(contentsOf: replacement)
      end = match.upperBound
    }
    result?.append(contentsOf: UnsafeBufferPointer(rebasing: text[end...]))
    return result
  }

  /// Each character as `map` changes it.
  private static func mapped(
    _ text: UnsafeBufferPointer<UInt8>, leavingASCII: Bool, _ map: (Unicode.Scalar) -> String
  ) -> [UInt8]? {
    guard let start = text.baseAddress else { return nil }
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var position = 0
    while position < text.count {
      let (scalar, length) = UTF8Scan.scalar(start + position)
      if scalar.isASCII {
        let isUpper = !leavingASCII && ("A"..."Z").contains(scalar)
        result.append(isUpper ? text[position] | 0x20 : text[position])
      } else {
        result += map(scalar).utf8
      }
      position += length
    }
    return result
  }
}
