/// Python's methods of strings that look for something.
extension Interpreter {
  func search(
    _ name: String, _ text: Text, _ arguments: Arguments
  ) throws(Problem) -> Value {
    let bound = try arguments.bound(to: ["sub", "start", "end"], required: 1, of: name)
    var part = text
    var first = 0
    var isInside = true
    if bound[1] != nil || bound[2] != nil {
      let count = text.count
      let start = bound[1].flatMap { $0.isNone ? nil : $0 } == nil ? nil : try bound.wholeNumber(1)
      let end = bound[2].flatMap { $0.isNone ? nil : $0 } == nil ? nil : try bound.wholeNumber(2)
      let range = Self.range(start, end, of: count)
      // Beyond the end not even the empty string is found.
      isInside =
        (start ?? 0) <= count
        && !(Self.range(end, nil, of: count).lowerBound < range.lowerBound && end != nil)
      part = text.slice(range)
      first = range.lowerBound
    }
    if name == "startswith" || name == "endswith" {
      var affixes = [bound[0] ?? .none]
      if case .sequence(let sequence)? = bound[0], sequence.isTuple { affixes = sequence.items }
      for affix in affixes {
        guard case .text(let affix) = affix else {
          throw Problem(
            .failed,
            "'\(name)' expects a string or a tuple of them, not a value of type "
              + affix.typeName)
        }
        let matches = name == "startswith" ? part.hasPrefix(affix) : part.hasSuffix(affix)
        if isInside, matches { return .boolean(true) }
      }
      return .boolean(false)
    }
    let sought = try bound.text(0) ?? .empty
    if name == "count" { return .integer(isInside ? part.occurrences(of: sought) : 0) }
    let isLast = name.hasPrefix("r")
    if isInside, let place = isLast ? part.findLast(sought) : part.find(sought) {
      return .integer(first + part.index(ofByte: place))
    }
    guard name.hasSuffix("find") else {
      throw Problem(.failed, "the string that '\(name)' looks for is not there")
    }
    return .integer(-1)
  }

  /// The methods that ask what a string consists of.
  static func consists(_ text: Text, of name: String) -> Bool {
    switch name {
    case "islower": return text.isLowercase
    case "isupper": return text.isUppercase
    case "istitle": return text.isTitlecase
    case "isascii": return text.isASCII
    default: break
    }
    guard !text.isEmpty else { return false }
    return text.scalars.allSatisfy { scalar in
      switch name {
      case "isalpha": scalar.isLetter
      case "isalnum": scalar.isAlphanumeric
      case "isdecimal": scalar.properties.numericType == .decimal
      case "isdigit": scalar.properties.numericType.map { $0 != .numeric } ?? false
      case "isnumeric": scalar.properties.numericType != nil
      default: PythonCharacters.spaceLength(atStartOf: Array(scalar.utf8)[...]) > 0
      }
    }
  }
}
