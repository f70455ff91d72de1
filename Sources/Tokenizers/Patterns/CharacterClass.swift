/// Classes of characters that components name without a pattern.
package enum CharacterClass: Sendable {
  /// The general categories Nd, Nl and No.
  case numeric
  case whiteSpace
  /// ASCII's punctuation and symbols, and the general categories P.
  case punctuation

  func contains(_ scalar: Unicode.Scalar) -> Bool {
    switch self {
    case .numeric:
      if scalar.isASCII { return ("0"..."9").contains(scalar) }
      switch scalar.properties.generalCategory {
      case .decimalNumber, .letterNumber, .otherNumber: return true
      default: return false
      }
    case .whiteSpace:
      return scalar.properties.isWhitespace
    case .punctuation:
      switch scalar {
      case "!"..."/", ":"..."@", "["..."`", "{"..."~": return true
      case _ where scalar.isASCII: return false
      // The reference's table is that of Unicode 8, by which these two were punctuation still.
      case "\u{166d}", "\u{111c9}": return true
      default: break
      }
      guard scalar.isKnown(toUnicode: 8) else { return false }
      switch scalar.properties.generalCategory {
      case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
        .initialPunctuation, .finalPunctuation, .otherPunctuation:
        return true
      default: return false
      }
    }
  }
}

extension Unicode.Scalar {
  /// Whether the scalar is assigned in `version`.0 of Unicode.
  func isKnown(toUnicode version: Int) -> Bool {
    guard let age = properties.age else { return false }
    return age.major < version || age.major == version && age.minor == 0
  }

  /// Whether the scalar belongs to a word, as regular expressions see it: `\w` of UTS #18.
  var isWordCharacter: Bool {
    let properties = properties
    if properties.isAlphabetic || properties.isJoinControl { return true }
    switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation:
      return true
    default: return false
    }
  }
}
