import ChatTemplates
import ModelFiles
import Ranks

extension ModelChatTemplate {
  /// The template of a GGUF file, with the special tokens that it may name.
  ///
  /// - Throws: `Failure` with 65 if there is none; `ChatTemplateError`, `FileError`.
  static func template(
    of metadata: GGUFMetadata
  ) throws -> (ChatTemplate, specialTokens: [String: String]) {
    let key = "tokenizer.chat_template"
    guard let source = try metadata.string(key) else {
      throw Failure(
        .badData,
        "the model '\(metadata.path)' has no chat template, \"\(key)\"; leave out --chat")
    }
    var ids: [Int: [String]] = [:]
    for (name, key) in [("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding")] {
      if let id = try metadata.integer("tokenizer.ggml.\(key)_token_id") {
        ids[id, default: []].append("\(name)_token")
      }
    }
    var specialTokens: [String: String] = [:]
    _ = try metadata.forEachString("tokenizer.ggml.tokens") { id, bytes in
      for name in ids[id] ?? [] { specialTokens[name] = String(decoding: bytes, as: UTF8.self) }
    }
    return (try ChatTemplate(source, name: metadata.path), specialTokens)
  }
}
