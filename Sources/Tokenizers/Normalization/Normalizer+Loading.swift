import JSON

extension Normalizer {
  /// The normalizers of a tokenizer file, in order.
  static func normalizers(of file: JSONDocument) throws -> [Normalizer] {
    let role = "the normalizer"
    let normalizers = try Component.components(
      file, "normalizer", role: role, membersKey: "normalizers"
    ).map(Normalizer.init)
    try Component.checkGrowth(
      of: normalizers.compactMap { step in
        if case .replace(let pattern, let replacement) = step {
          (pattern, replacement)
        } else {
          nil
        }
      }, role: role, path: file.path)
    return normalizers
  }

  private init(_ component: Component) throws {
    let document = component.document
    switch component.type {
    case "Prepend":
      self = .prepend(Array(try document.string("prepend").utf8))
    case "Replace":
      self = .replace(try component.pattern(), by: Array(try document.string("content").utf8))
    case "NFC", "NFD", "NFKC", "NFKD":
      self = .unicode(NormalizationForm(rawValue: component.type)!)
    case "Lowercase":
      self = .lowercase
    case "Strip":
      self = .strip(
        left: try document.boolean("strip_left"), right: try document.boolean("strip_right"))
    case "StripAccents":
      self = .stripAccents
    default:
      throw component.unsupported()
    }
  }
}
