import JSON

/// A normalizer, pre-tokenizer, post-processor or decoder as `tokenizer.json` has it.
struct Component {
  /// What it is, for messages, such as `the normalizer`.
  let role: String
  let type: String
  let document: JSONDocument

  /// The components under `key`: none where it is absent, the members where it is a `Sequence`,
  /// whose key is `membersKey`.
  static func components(
    _ document: JSONDocument, _ key: String, role: String, membersKey: String
  ) throws -> [Component] {
    guard let component = try document.objectIfPresent(key) else { return [] }
    let components = try flattened(component, role, membersKey)
    guard components.count <= mostComponents else {
      throw TokenizerError(
        .unsupported,
        "\(document.path): \(role) is a sequence of \(components.count) steps, of which at most "
          + "\(mostComponents) are supported; use another model, or pass token ids")
    }
    return components
  }

  /// Steps call each other, so that their number must not overflow the stack.
  private static let mostComponents = 64

  /// Throws where these replacements one after the other, each of a text by another, could make a
  /// text so much longer that no memory would do for it.
  static func checkGrowth(
    of replacements: [(pattern: TextPattern, replacement: [UInt8])], role: String, path: String
  ) throws {
    var growth = 1
    for (pattern, replacement) in replacements {
      // An expression can match nothing, everywhere.
      let factor =
        if case .literal(let bytes) = pattern {
          max(1, (replacement.count + bytes.count - 1) / bytes.count)
        } else {
          1 + replacement.count
        }
      growth = growth.multipliedReportingOverflow(by: factor).partialValue
      guard (1...mostGrowth).contains(growth), factor <= mostGrowth else {
        throw TokenizerError(
          .unsupported,
          "\(path): \(role)'s replacements could make a text more than \(mostGrowth) times longer, "
            + "which is not supported; use another model, or pass token ids")
      }
    }
  }

  private static let mostGrowth = 256

  private static func flattened(
    _ document: JSONDocument, _ role: String, _ membersKey: String
  ) throws -> [Component] {
    let type = try document.string("type")
    guard type == "Sequence" else {
      return [Component(role: role, type: type, document: document)]
    }
    return try document.objects(membersKey).flatMap { try flattened($0, role, membersKey) }
  }

  /// The error that the component, or `what` of it, is not known.
  func unsupported(_ what: String? = nil) -> TokenizerError {
    TokenizerError(
      .unsupported,
      "\(document.path): \(role) is \(what ?? type), which ringflash does not support; use another "
        + "model, or pass token ids")
  }

  func malformed(_ problem: String) -> TokenizerError {
    TokenizerError(
      .malformed, "\(document.path): \(role) \(type) \(problem); fetch the file again")
  }

  /// The pattern under `pattern`: a text, or a regular expression.
  func pattern() throws -> TextPattern {
    let pattern = try document.object("pattern")
    if let text = try pattern.stringIfPresent("String") {
      // The empty text matches everywhere, which only an expression does.
      return text.isEmpty ? try expression("") : .literal(Array(text.utf8))
    }
    return try expression(pattern.string("Regex"))
  }

  func expression(_ pattern: String) throws -> TextPattern {
    do {
      return .regularExpression(try RegularExpression(pattern))
    } catch let failure as RegularExpression.CompilationFailure {
      throw TokenizerError(
        .unsupported,
        "\(document.path): \(role)'s regular expression \"\(pattern)\" \(failure.problem); correct "
          + "the file")
    }
  }

  func behavior(default defaultBehavior: SplitBehavior? = nil) throws -> SplitBehavior {
    if let defaultBehavior, !document.contains("behavior") { return defaultBehavior }
    let name = try document.string("behavior")
    guard let behavior = SplitBehavior(rawValue: name) else {
      throw malformed("has the behavior \"\(name)\", which there is not")
    }
    return behavior
  }

  /// The one character under `key`.
  func character(_ key: String) throws -> [UInt8] {
    let text = try document.string(key)
    guard text.unicodeScalars.count == 1 else {
      throw malformed("has the \(key) \"\(text)\", which is not one character")
    }
    return Array(text.utf8)
  }
}
