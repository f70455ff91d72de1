/// Python's methods of strings that give strings, lists and tuples.
extension Interpreter {
  func call(
    _ name: String, of text: Text, _ arguments: Arguments
  ) throws(Problem) -> Value {
    try allow(bytes: text.bytes.count)
    switch name {
    case "strip", "lstrip", "rstrip":
      let bound = try arguments.bound(to: ["chars"], of: name)
      return .text(
        text.stripped(
          of: try bound.textOrNone(0), start: name != "rstrip", end: name != "lstrip"))
    case "split", "rsplit": return try split(text, name, arguments)
    case "splitlines":
      let bound = try arguments.bound(to: ["keepends"], of: name)
      return try list(of: text.lines(keepingEnds: bound.flag(0)))
    case "partition", "rpartition": return try partition(text, name, arguments)
    case "replace":
      let bound = try arguments.bound(to: ["old", "new", "count"], required: 2, of: name)
      return .text(
        try replaced(
          text, try bound.text(0) ?? .empty, by: try bound.text(1) ?? .empty,
          limit: try bound.wholeNumber(2) ?? -1))
    case "join": return .text(try join(arguments, separator: text))
    case "format": return .text(try braceFormatted(text, arguments))
    case "removeprefix", "removesuffix":
      let bound = try arguments.bound(to: ["affix"], required: 1, of: name)
      let affix = try bound.text(0) ?? .empty
      if name == "removeprefix" {
        return .text(text.hasPrefix(affix) ? Text(text.bytes.dropFirst(affix.bytes.count)) : text)
      }
      return .text(text.hasSuffix(affix) ? Text(text.bytes.dropLast(affix.bytes.count)) : text)
    case "center", "ljust", "rjust": return .text(try justified(text, name, arguments))
    case "zfill":
      let bound = try arguments.bound(to: ["width"], required: 1, of: name)
      let missing = (try bound.wholeNumber(0) ?? 0).subtractingReportingOverflow(text.count)
      guard !missing.overflow, missing.partialValue > 0 else { return .text(text) }
      let zeros = try repeated("0", missing.partialValue)
      let isSigned = text.hasPrefix("+") || text.hasPrefix("-")
      return .text(
        isSigned ? text.slice(0..<1) + zeros + text.slice(1..<text.count) : zeros + text)
    case "startswith", "endswith", "count", "find", "rfind", "index", "rindex":
      return try search(name, text, arguments)
    default: break
    }
    try arguments.expectNone(of: name)
    switch name {
    case "upper": return .text(text.uppercased)
    case "lower": return .text(text.lowercased)
    case "casefold": return .text(text.casefolded)
    case "capitalize": return .text(text.capitalized)
    case "title": return .text(text.titlecased)
    case "swapcase": return .text(text.caseSwapped)
    default: return .boolean(Self.consists(text, of: name))
    }
  }

  private func list(of texts: [Text]) throws(Problem) -> Value {
    try step(elements: texts.count)
    return try list(texts.map { .text($0) })
  }

  private func split(
    _ text: Text, _ name: String, _ arguments: Arguments
  ) throws(Problem) -> Value {
    let bound = try arguments.bound(to: ["sep", "maxsplit"], of: name)
    let given = try bound.wholeNumber(1) ?? -1
    let limit = given < 0 ? Int.max : given
    let isFromEnd = name == "rsplit"
    guard let separator = try bound.textOrNone(0) else {
      return try list(
        of: isFromEnd ? text.splitAtSpaceFromEnd(limit: limit) : text.splitAtSpace(limit: limit))
    }
    guard !separator.isEmpty else { throw Problem(.failed, "the separator of '\(name)' is empty") }
    return try list(
      of: isFromEnd
        ? text.splitFromEnd(by: separator, limit: limit) : text.split(by: separator, limit: limit))
  }

  private func partition(
    _ text: Text, _ name: String, _ arguments: Arguments
  ) throws(Problem) -> Value {
    let bound = try arguments.bound(to: ["sep"], required: 1, of: name)
    let separator = try bound.text(0) ?? .empty
    guard !separator.isEmpty else { throw Problem(.failed, "the separator of '\(name)' is empty") }
    let isFromEnd = name == "rpartition"
    let parts: [Text]
    if let place = isFromEnd ? text.findLast(separator) : text.find(separator) {
      parts = [
        Text(text.bytes[..<place]), separator,
        Text(text.bytes[(place + separator.bytes.count)...]),
      ]
    } else {
      parts = isFromEnd ? [.empty, .empty, text] : [text, .empty, .empty]
    }
    return .sequence(try SequenceValue(.tuple, parts.map { .text($0) }))
  }

  private func join(_ arguments: Arguments, separator: Text) throws(Problem) -> Text {
    let bound = try arguments.bound(to: ["iterable"], required: 1, of: "join")
    var texts: [Text] = []
    for element in try elements(of: bound[0] ?? .none) {
      guard case .text(let part) = element else {
        throw Problem(.failed, "'join' expects strings, not a value of type \(element.typeName)")
      }
      texts.append(part)
    }
    return try joined(texts, separator: separator)
  }

  private func justified(
    _ text: Text, _ name: String, _ arguments: Arguments
  ) throws(Problem) -> Text {
    let bound = try arguments.bound(to: ["width", "fillchar"], required: 1, of: name)
    let width = try bound.wholeNumber(0) ?? 0
    let fill = try bound.text(1) ?? " "
    guard fill.count == 1 else {
      throw Problem(.failed, "the fill character of '\(name)' must be one character")
    }
    if name == "center" { return try centered(text, width: width, fill: fill) }
    let missing = width.subtractingReportingOverflow(text.count)
    guard !missing.overflow, missing.partialValue > 0 else { return text }
    let padding = try repeated(fill, missing.partialValue)
    return name == "ljust" ? text + padding : padding + text
  }
}
