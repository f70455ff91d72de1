import JSON

extension PreTokenizer {
  /// GPT-2's words.
  static let byteLevelPattern =
    #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

  /// The pre-tokenizers of a tokenizer file, in order, and whether the last thing that they do is to
  /// write the words in the byte-level alphabet.
  static func preTokenizers(
    of file: JSONDocument
  ) throws -> (steps: [PreTokenizer], isByteLevel: Bool) {
    var steps: [PreTokenizer] = []
    var isByteLevel = false
    let components = try Component.components(
      file, "pre_tokenizer", role: "the pre-tokenizer", membersKey: "pretokenizers")
    for component in components {
      if isByteLevel { throw component.unsupported("\(component.type) after ByteLevel") }
      isByteLevel = component.type == "ByteLevel"
      steps += try Self.steps(component)
    }
    return (steps, isByteLevel)
  }

  private static func steps(_ component: Component) throws -> [PreTokenizer] {
    let document = component.document
    switch component.type {
    case "ByteLevel":
      var steps: [PreTokenizer] = []
      if try document.booleanIfPresent("add_prefix_space") ?? true { steps.append(.prefixSpace) }
      if try document.booleanIfPresent("use_regex") ?? true {
        steps.append(
          .split(try component.expression(byteLevelPattern), .isolated, inverted: false))
      }
      return steps
    case "Split":
      return [
        .split(
          try component.pattern(), try component.behavior(),
          inverted: try document.boolean("invert"))
      ]
    case "Digits":
      let areApart = try document.booleanIfPresent("individual_digits") ?? false
      return [
        .split(.characters(.numeric), areApart ? .isolated : .contiguous, inverted: false)
      ]
    case "Metaspace":
      return [try metaspace(component)]
    case "Whitespace":
      return [.split(try component.expression(#"\w+|[^\w\s]+"#), .removed, inverted: true)]
    case "WhitespaceSplit":
      return [.split(.characters(.whiteSpace), .removed, inverted: false)]
    case "Punctuation":
      return [
        .split(
          .characters(.punctuation), try component.behavior(default: .isolated), inverted: false)
      ]
    default:
      throw component.unsupported()
    }
  }

  private static func metaspace(_ component: Component) throws -> PreTokenizer {
    .metaspace(
      replacement: try component.character("replacement"), prepends: try prependScheme(component),
      splits: try component.document.booleanIfPresent("split") ?? true)
  }

  /// When a `Metaspace` puts a space before the text.
  static func prependScheme(_ component: Component) throws -> PrependScheme {
    let document = component.document
    let name = try document.stringIfPresent("prepend_scheme")
    guard let scheme = PrependScheme(rawValue: name ?? "always") else {
      throw component.malformed("has the prepend_scheme \"\(name ?? "")\", which there is not")
    }
    // Older files have `add_prefix_space` alone.
    if try document.booleanIfPresent("add_prefix_space") == false {
      guard name == nil || scheme == .never else {
        throw component.malformed("has add_prefix_space and a prepend_scheme that contradicts it")
      }
      return .never
    }
    return scheme
  }
}
