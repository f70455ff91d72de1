/// Letter case as Python has it: Unicode's full mappings, in no language.
extension Text {
  var uppercased: Text {
    if isASCII {
      return Text(ascii: bytes.map { (0x61...0x7A).contains($0) ? $0 &- 0x20 : $0 })
    }
    return mapped { $0.properties.uppercaseMapping }
  }

  var lowercased: Text {
    if isASCII {
      return Text(ascii: bytes.map { (0x41...0x5A).contains($0) ? $0 &+ 0x20 : $0 })
    }
    let all = Array(scalars)
    var result = ""
    for (index, scalar) in all.enumerated() {
      result += Self.lowercase(scalar, at: index, in: all)
    }
    return Text(result)
  }

  var casefolded: Text {
    if isASCII { return lowercased }
    // Case folding is lower case but for letters that have none of their own, such as ß.
    return mapped { scalar in
      let upper = scalar.properties.uppercaseMapping
      return upper.unicodeScalars.count > 1
        ? upper.unicodeScalars.map(\.properties.lowercaseMapping).joined()
        : scalar == "\u{3C2}" ? "\u{3C3}" : scalar.properties.lowercaseMapping
    }
  }

  /// Only the first code point in upper case.
  var capitalized: Text {
    let all = Array(scalars)
    var result = all.first?.properties.titlecaseMapping ?? ""
    for (index, scalar) in all.enumerated().dropFirst() {
      result += Self.lowercase(scalar, at: index, in: all)
    }
    return Text(result)
  }

  /// Every letter that follows none in upper case, the others in lower case.
  var titlecased: Text {
    let all = Array(scalars)
    var result = ""
    var follows = false
    for (index, scalar) in all.enumerated() {
      result +=
        follows
        ? Self.lowercase(scalar, at: index, in: all) : scalar.properties.titlecaseMapping
      follows = scalar.properties.isCased
    }
    return Text(result)
  }

  var caseSwapped: Text {
    let all = Array(scalars)
    var result = ""
    for (index, scalar) in all.enumerated() {
      if scalar.properties.isUppercase {
        result += Self.lowercase(scalar, at: index, in: all)
      } else if scalar.properties.isLowercase {
        result += scalar.properties.uppercaseMapping
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return Text(result)
  }

  /// Whether there are cased letters and all of them are lower case.
  var isLowercase: Bool {
    var isCased = false
    for scalar in scalars {
      if scalar.properties.isUppercase || scalar.properties.generalCategory == .titlecaseLetter {
        return false
      }
      isCased = isCased || scalar.properties.isLowercase
    }
    return isCased
  }

  /// Whether there are cased letters and all of them are upper case.
  var isUppercase: Bool {
    var isCased = false
    for scalar in scalars {
      if scalar.properties.isLowercase || scalar.properties.generalCategory == .titlecaseLetter {
        return false
      }
      isCased = isCased || scalar.properties.isUppercase
    }
    return isCased
  }

  /// Whether every word begins with an upper case letter and has no other.
  var isTitlecase: Bool {
    var follows = false
    var isCased = false
    for scalar in scalars {
      let properties = scalar.properties
      if properties.isUppercase || properties.generalCategory == .titlecaseLetter {
        if follows { return false }
        (follows, isCased) = (true, true)
      } else if properties.isLowercase {
        if !follows { return false }
        isCased = true
      } else {
        follows = false
      }
    }
    return isCased
  }

  private func mapped(_ mapping: (Unicode.Scalar) -> String) -> Text {
    var result = ""
    for scalar in scalars { result += mapping(scalar) }
    return Text(result)
  }

  private static func lowercase(
    _ scalar: Unicode.Scalar, at index: Int, in all: [Unicode.Scalar]
  ) -> String {
    guard scalar == "\u{3A3}" else { return scalar.properties.lowercaseMapping }
    // A sigma at the end of a word has a form of its own.
    let before = all[..<index].last { !$0.properties.isCaseIgnorable }
    let after = all[(index + 1)...].first { !$0.properties.isCaseIgnorable }
    let isFinal = before?.properties.isCased == true && after?.properties.isCased != true
    return isFinal ? "\u{3C2}" : "\u{3C3}"
  }
}
