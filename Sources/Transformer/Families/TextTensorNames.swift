/// What the tensors of a multimodal model's text part are called.
///
/// Layouts are those that published files have and that Hugging Face Transformers reads.
public enum TextTensorNames {
  /// What stands in a file for `model.` and for `lm_head.`.
  private struct Layout {
    let model: String
    let head: String
  }

  /// The more special ones first.
  private static let layouts = [
    Layout(model: "language_model.model.", head: "language_model.lm_head."),
    Layout(model: "model.language_model.", head: "lm_head."),
    Layout(model: "model.text_model.", head: "lm_head."),
    // Of a text model that was saved without its head.
    Layout(model: "language_model.", head: "language_model.lm_head."),
  ]

  /// What begins the names of a text model's tensors. Beside it may stand `model.vision_tower.`.
  private static let beginnings = [
    "lm_head.", "model.embed_tokens.", "model.layers.", "model.norm.", "model.rotary_emb.",
  ]

  /// What the text model calls the tensor that a file calls so; nil where it is none of the text
  /// model's.
  public static func textName(of stored: String) -> String? {
    for layout in layouts {
      if layout.head != "lm_head.", stored.hasPrefix(layout.head) {
        return "lm_head." + stored.dropFirst(layout.head.count)
      }
      if stored.hasPrefix(layout.model) { return "model." + stored.dropFirst(layout.model.count) }
    }
    return beginnings.contains(where: stored.hasPrefix) ? stored : nil
  }

  /// What a file would call a text model's tensor.
  ///
  /// - Parameter sample: what it calls another one of them.
  public static func storedName(of name: String, like sample: String) -> String {
    guard let layout = layouts.first(where: { sample.hasPrefix($0.model) }) else { return name }
    for (part, stored) in [("model.", layout.model), ("lm_head.", layout.head)]
    where name.hasPrefix(part) {
      return stored + name.dropFirst(part.count)
    }
    return name
  }
}
