import JSON

extension PostProcessor {
  /// The post-processors of a tokenizer file that add tokens, in order.
  static func postProcessors(of file: JSONDocument) throws -> [PostProcessor] {
    try Component.components(
      file, "post_processor", role: "the post-processor", membersKey: "processors"
    ).compactMap { component in
      switch component.type {
      case "ByteLevel":
        // It changes the tokens' offsets only.
        return nil
      case "TemplateProcessing":
        return try template(component)
      case "RobertaProcessing", "BertProcessing":
        return PostProcessor(pieces: [
          .tokens([try pair(component, "cls")]), .text, .tokens([try pair(component, "sep")]),
        ])
      default:
        throw component.unsupported()
      }
    }
  }

  private static func template(_ component: Component) throws -> PostProcessor {
    let specialTokens = try component.document.object("special_tokens")
    let pieces = try component.document.objects("single").map { piece throws -> Piece in
      if let sequence = try piece.objectIfPresent("Sequence") {
        guard try sequence.string("id") == "A" else {
          throw component.malformed("asks for a second text beside a single one")
        }
        return .text
      }
      let name = try piece.object("SpecialToken").string("id")
      let identifiers = try specialTokens.object(name).integers("ids").map(Int32.init(exactly:))
      guard identifiers.allSatisfy({ $0.map { $0 >= 0 } ?? false }) else {
        throw component.malformed("has an id out of range for \"\(name)\"")
      }
      return .tokens(identifiers.compactMap { $0 })
    }
    let texts = pieces.count { if case .text = $0 { true } else { false } }
    guard texts <= 1 else { throw component.unsupported("a template with the text \(texts) times") }
    return PostProcessor(pieces: pieces)
  }

  /// The id in an array of a token and its id.
  private static func pair(_ component: Component, _ key: String) throws -> Int32 {
    guard case .array(let values) = component.document.value(key), values.count == 2,
      case .integer(let id) = values[1], let id = Int32(exactly: id), id >= 0
    else {
      throw component.malformed("has no pair of a token and its id under \"\(key)\"")
    }
    return id
  }
}
