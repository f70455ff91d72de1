import JSON

extension DecodingStep {
  /// The decoders of a tokenizer file, in order.
  static func steps(of file: JSONDocument) throws -> [DecodingStep] {
    guard file.contains("decoder") else { return [.joinBySpaces] }
    let role = "the decoder"
    let components = try Component.components(
      file, "decoder", role: role, membersKey: "decoders")
    var steps: [DecodingStep] = []
    var isFused = false
    for component in components {
      steps.append(try step(component, isFused: isFused))
      isFused = isFused || component.type == "Fuse" || component.type == "ByteLevel"
    }
    try Component.checkGrowth(
      of: steps.compactMap { step in
        switch step {
        case .replace(let pattern, let replacement): (pattern, replacement)
        case .replaceInText(let bytes, let replacement): (.literal(bytes), replacement)
        default: nil
        }
      }, role: role, path: file.path)
    return steps
  }

  /// - Parameter isFused: whether the step sees one text, no longer tokens.
  private static func step(_ component: Component, isFused: Bool) throws -> DecodingStep {
    let document = component.document
    let isRepeated = isFused ? "\(component.type) after Fuse" : nil
    switch component.type {
    case "Fuse":
      return .fuse
    case "ByteLevel":
      if isFused { throw component.unsupported(isRepeated) }
      return .byteLevel
    case "ByteFallback":
      if isFused { throw component.unsupported(isRepeated) }
      return .byteFallback
    case "Replace":
      let pattern = try component.pattern()
      let content = Array(try document.string("content").utf8)
      guard isFused else { return .replace(pattern, by: content) }
      guard case .literal(let bytes) = pattern else {
        throw component.unsupported("Replace by a regular expression after Fuse")
      }
      return .replaceInText(bytes, by: content)
    case "Strip":
      let character = try component.character("content")
      let start = try document.integer("start", in: 0...Int(Int32.max))
      let stop = try document.integer("stop", in: 0...Int(Int32.max))
      return isFused
        ? .stripText(character: character, start: start, stop: stop)
        : .strip(character: character, start: start, stop: stop)
    case "Metaspace":
      let replacement = try component.character("replacement")
      let dropsFirst = try PreTokenizer.prependScheme(component) != .never
      return isFused
        ? .metaspaceInText(replacement: replacement, dropsFirst: dropsFirst)
        : .metaspace(replacement: replacement, dropsFirst: dropsFirst)
    default:
      throw component.unsupported()
    }
  }
}
